"""Held-out accuracy of the best of many heads, whose accuracy on the data that selected it is biased upwards."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from seqwright.viewer.record import Array


def held_out(hits: Float[Array, "s k"], counts: Num[Array, "s"], *, seed: int = 0) -> float:
    """Return the accuracy of the best of ``k`` heads in twofold cross-validation: selected on one half, measured on the other.

    Args:
        hits: the number of right predictions of each head in each sentence.
        counts: the number of predictions in each sentence.
        seed: of the random halves; files often alternate between kinds of sentences.

    >>> held_out(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1, 1]))
    1.0
    """
    order = np.random.default_rng(seed).permutation(len(hits))
    halves = [hits[order[start::2]] for start in (0, 1)]
    best = [int(half.sum(0).argmax()) for half in halves]
    return float((halves[0][:, best[1]].sum() + halves[1][:, best[0]].sum()) / counts.sum())
