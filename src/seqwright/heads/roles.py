"""What heads do by rule, over many texts: pattern scores by head, and by layer, from low to high."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.viewer.patterns import measures
from seqwright.viewer.record import Array, AttentionRecord, Kind

ROLE = 0.5
"""A head has a role where this much of its attention goes there."""


class Score(msgspec.Struct, frozen=True):
    """A head's score on a pattern, with its interval over texts."""

    layer: int
    head: int
    score: float
    interval: Interval | None


class Roles(msgspec.Struct, frozen=True):
    """One kind of attention.

    Attributes:
        kind: encoder, decoder or cross.
        texts: how many were read.
        layers, heads: their numbers.
        scores: for each pattern ``[layers][heads]``, means over texts.
        best: for each pattern its three best heads. Texts in which a pattern points nowhere do not count, nor patterns that never do.
    """

    kind: Kind
    texts: int
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    scores: dict[str, list[list[float]]]
    best: dict[str, tuple[Score, ...]]


def roles(records: Iterable[AttentionRecord]) -> tuple[Roles, ...]:
    """Every kind's roles, over however many texts' records.

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
    tables = {name: np.stack([each[name] for each in found]) for name in found[0]}
    tables = {name: told for name, table in tables.items() if len(told := table[~np.isnan(table).any((1, 2))])}
    best = {}
    for name, table in tables.items():
        means = table.mean(0)
        order = np.argsort(-means, axis=None, kind="stable")[:3]
        best[name] = tuple(
            Score(layers[layer], heads[head], float(means[layer, head]), interval(table[:, layer, head], np.ones(len(table))))
            for layer, head in zip(*(each.tolist() for each in np.unravel_index(order, means.shape)), strict=True)
        )  # fmt: skip
    scores = {name: np.round(table.mean(0), 4).tolist() for name, table in tables.items()}
    return Roles(kind, len(found), tuple(layers), tuple(heads), scores, best)
