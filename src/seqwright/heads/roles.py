"""Pattern scores of heads, averaged over texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

import msgspec
import numpy as np
from jaxtyping import Float

from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.viewer.patterns import measures
from seqwright.viewer.record import Array, AttentionRecord, Kind


class Score(msgspec.Struct, frozen=True):
    """The score of a head on a pattern, with its interval over texts."""

    layer: int
    head: int
    score: float
    interval: Interval | None


class Roles(msgspec.Struct, frozen=True):
    """The pattern scores of one kind of attention.

    Attributes:
        kind: encoder, decoder or cross.
        texts: the number of texts.
        layers, heads: their numbers, counted from 0.
        scores: for each pattern the mean over texts, ``[layers][heads]``.
        best: for each pattern its three best heads.

    Texts without any cell of a pattern do not count for it; patterns without any cell in all texts are left out.
    """

    kind: Kind
    texts: int
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    scores: dict[str, list[list[float]]]
    best: dict[str, tuple[Score, ...]]


def roles(records: Iterable[AttentionRecord]) -> tuple[Roles, ...]:
    """Return the pattern scores of each kind of attention over the records of many texts.

    >>> ones = AttentionRecord(["a", "b", "c"], "decoder", np.eye(3)[None, None])
    >>> roles([ones, ones])[0].best["same"][0].score
    1.0
    """
    seen: dict[Kind, list[dict[str, Float[Array, "l h"]]]] = defaultdict(list)
    numbers: dict[Kind, tuple[Sequence[int], Sequence[int]]] = {}
    for record in records:
        seen[record.kind].append(measures(record))
        numbers[record.kind] = record.layers, record.heads
    return tuple(_roles(kind, found, *numbers[kind]) for kind, found in seen.items())


def _roles(kind: Kind, found: list[dict[str, Array]], layers: Sequence[int], heads: Sequence[int]) -> Roles:
    scores, best, numbers = {}, {}, list(product(layers, heads))
    for name in found[0]:
        table = np.stack([each[name] for each in found])
        table = table[~np.isnan(table).any((1, 2))]
        if not len(table):
            continue
        flat, means = table.reshape(len(table), -1), table.mean(0)
        scores[name] = np.round(means, 4).tolist()
        best[name] = tuple(
            Score(*numbers[at], score=float(means.flat[at]), interval=interval(flat[:, at], np.ones(len(table))))
            for at in np.argsort(-means, axis=None, kind="stable")[:3].tolist()
        )
    return Roles(kind, len(found), tuple(layers), tuple(heads), scores, best)
