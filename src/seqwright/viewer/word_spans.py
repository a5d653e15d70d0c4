"""Spans of subword tokens that make one word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from seqwright.viewer.record import Array, Span

BEGINS = ("▁", "Ġ", " ")
"""Prefixes that mark the first piece of a word: SentencePiece, byte-level BPE, plain."""
CONTINUES = "##"
"""WordPiece's prefix of every piece but the first of a word."""


def spans(word_of: Iterable[object | None]) -> tuple[Span, ...]:
    """Return the spans of consecutive tokens with the same word; ``None`` is a token on its own.

    >>> spans([None, 0, 0, 1, None])
    ((0, 1), (1, 3), (3, 4), (4, 5))
    """
    found: list[Span] = []
    last = None
    for index, word in enumerate(word_of):
        if word is not None and word == last:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
        last = word
    return tuple(found)


def words_of(tokens: Sequence[str], special: Iterable[int] = ()) -> tuple[Span, ...] | None:
    """Return the words that the pieces' own prefixes mark; ``None`` where no piece has such a prefix.

    >>> words_of(["▁sc", "ared", "▁cat"])
    ((0, 2), (2, 3))
    >>> words_of(["sc", "##ared", "cat"])
    ((0, 2), (2, 3))
    >>> words_of(["c", "a", "t"]) is None
    True
    """
    alone = set(special)
    if any(token.startswith(CONTINUES) for token in tokens):
        begins = [not token.startswith(CONTINUES) for token in tokens]
    elif any(token.startswith(BEGINS) for index, token in enumerate(tokens) if index not in alone):
        begins = [token.startswith(BEGINS) for token in tokens]
    else:
        return None
    word, word_of = 0, []
    for index, first in enumerate(begins):
        word += first or index in alone or index - 1 in alone
        word_of.append(word)
    return spans(word_of)


def merged(
    weights: Float[Array, "*heads q k"], rows: Sequence[Span], columns: Sequence[Span]
) -> Float[Array, "*heads w v"]:
    """Return attention between words: summed over the pieces of a key, averaged over the pieces of a query (Clark et al. 2019).

    >>> merged(np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]), [(0, 2)], [(0, 1), (1, 3)]).tolist()
    [[0.25, 0.75]]
    """
    summed = np.add.reduceat(weights, [first for first, _ in columns], axis=-1)
    added = np.add.reduceat(summed, [first for first, _ in rows], axis=-2)
    return added / np.array([end - first for first, end in rows], dtype=weights.dtype)[:, None]
