"""Choosing the best of many heads flatters it: it is chosen on one half of the sentences and asked on the other, both ways."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from seqwright.viewer.record import Array


def held_out(hits: Float[Array, "s k"], counts: Num[Array, "s"], *, seed: int = 0) -> float:
    """The accuracy of the best of ``k`` where it was not chosen.

    Args:
        hits: how often each was right in each sentence.
        counts: how often it was asked there.
        seed: of the halves; files often alternate, so every second sentence would be no fair half.

    >>> held_out(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1, 1]))
    1.0
    """
    order = np.random.default_rng(seed).permutation(len(hits))
    halves = [hits[order[start::2]] for start in (0, 1)]
    chosen = [int(half.sum(0).argmax()) for half in halves]
    return float((halves[0][:, chosen[1]].sum() + halves[1][:, chosen[0]].sum()) / counts.sum())
