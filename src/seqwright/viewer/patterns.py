"""Scores of heads by pattern: the share of a head's attention that falls on the cells of a pattern.

A pattern is a matrix of zeros and ones; a head's score is Σ(A ⊙ P) / ΣA, over the queries whose row of the pattern is not
empty (as in the head detector of Nanda and Bloom 2022, which is for causal models alone). *Broad* and *distance* are not patterns
but means over the queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from seqwright.viewer.record import Array, AttentionRecord, Kind

HeadPattern = Callable[[Sequence[str], Sequence[str]], Array]


def neighbour(offset: int) -> HeadPattern:
    """Return the pattern of the token at an offset: −1 is the one before, 0 the token itself (or the same index in the source).

    >>> neighbour(-1)("ab", "ab").astype(int).tolist()
    [[0, 0], [1, 0]]
    """
    return lambda queries, keys: np.eye(len(queries), len(keys), k=offset, dtype=bool)


def first(queries: Sequence[str], keys: Sequence[str]) -> Bool[Array, "q k"]:
    """Mark the first token, for all but itself."""
    found = np.zeros((len(queries), len(keys)), dtype=bool)
    found[1:, 0] = True
    return found


def duplicate(queries: Sequence[str], keys: Sequence[str]) -> Bool[Array, "q k"]:
    """Mark other occurrences of the same token.

    >>> duplicate("aba", "aba").astype(int).tolist()
    [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    same = np.array(list(queries))[:, None] == np.array(list(keys))[None]
    return same & ~np.eye(*same.shape, dtype=bool)


def induction(queries: Sequence[str], keys: Sequence[str]) -> Bool[Array, "q k"]:
    """Mark the token that followed an earlier occurrence of the same token (Olsson et al. 2022).

    >>> induction("abab", "abab").astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    """
    earlier = np.tril(duplicate(queries, keys), -1)
    return np.pad(earlier[:, :-1], ((0, 0), (1, 0)))


PATTERNS: dict[str, HeadPattern] = {
    "previous": neighbour(-1), "next": neighbour(1), "same": neighbour(0),
    "first": first, "duplicate": duplicate, "induction": induction,
}  # fmt: skip
"""Patterns by name; ``delimiter`` (special tokens), ``broad`` and ``distance`` are measured beside them."""
INAPPLICABLE: dict[Kind, tuple[str, ...]] = {
    "encoder": (), "decoder": ("next",), "cross": ("previous", "next", "duplicate", "induction"),
}  # fmt: skip
"""Patterns without meaning in each kind of attention."""


def measures(record: AttentionRecord) -> dict[str, Float[Array, "l h"]]:
    """Return the score of every head for every pattern that applies to this kind, NaN where the pattern is empty.

    ``broad`` is the entropy of a query's weights divided by that of equal weights on all keys that it may attend to;
    ``distance`` is the mean number of tokens between query and key.

    >>> record = AttentionRecord(tokens=["a", "b", "c"], kind="decoder", weights=np.eye(3)[None, None])
    >>> {name: float(score[0, 0]) for name, score in measures(record).items() if score[0, 0] > 0}
    {'same': 1.0}
    """
    weights, (queries, keys) = record.weights, record.weights.shape[2:]
    rules = {name: rule for name, rule in PATTERNS.items() if name not in INAPPLICABLE[record.kind]}
    found = {name: _share(weights, rule(record.tokens, record.columns)) for name, rule in rules.items()}
    delimiters = np.zeros((queries, keys), dtype=bool)
    delimiters[:, sorted(record.column_special)] = True
    allowed = np.arange(1, queries + 1) if record.kind == "decoder" else np.full(queries, keys)
    return found | {
        "delimiter": _share(weights, delimiters),
        "broad": broadness(weights, np.minimum(allowed, keys)),
        "distance": _distance(weights),
    }


def _share(weights: Array, pattern: Array) -> Array:
    rows = pattern.any(1)
    total = weights[:, :, rows].sum((-2, -1))
    hit = np.einsum("lhqk,qk->lh", weights[:, :, rows], pattern[rows].astype(weights.dtype))
    return np.divide(hit, total, out=np.full_like(hit, np.nan if not rows.any() else 0), where=total > 0)


def broadness(weights: Float[Array, "l h q k"], allowed: Int[Array, "q"]) -> Float[Array, "l h"]:
    """Return 1 for equal weights on all allowed keys, 0 for attention to one key; queries with one allowed key are left out.

    >>> float(broadness(np.full((1, 1, 3, 4), 0.25), np.full(3, 4))[0, 0])
    1.0
    """
    logs = np.log(weights, out=np.zeros_like(weights, dtype=float), where=weights > 0)
    free = allowed > 1
    share = -(weights * logs).sum(-1)[:, :, free] / np.log(allowed[free])
    return share.mean(-1) if free.any() else np.zeros(weights.shape[:2])


def _distance(weights: Array) -> Array:
    queries, keys = weights.shape[2:]
    apart = np.abs(np.arange(queries)[:, None] - np.arange(keys)[None])
    total = weights.sum((-2, -1))
    return np.divide((weights * apart).sum((-2, -1)), total, out=np.zeros_like(total), where=total > 0)
