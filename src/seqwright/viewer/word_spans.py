"""Pieces and the words they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from seqwright.viewer.record import Array, Span

BEGINS = ("▁", "Ġ", " ")
"""What SentencePiece, byte-level pieces and plain ones begin a word with."""
CONTINUES = "##"
"""What WordPiece goes on with."""


def spans(word_of: Iterable[object | None]) -> tuple[Span, ...]:
    """Runs of tokens of the same word as spans; ``None`` is a token on its own.

    >>> spans([None, 0, 0, 1, None])
    ((0, 1), (1, 3), (3, 4), (4, 5))
    """
    found: list[Span] = []
    last = None
    for place, word in enumerate(word_of):
        if word is not None and word == last:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
        last = word
    return tuple(found)


def words_of(tokens: Sequence[str], special: Iterable[int] = ()) -> tuple[Span, ...] | None:
    """The words of pieces that say themselves where they begin; ``None`` where no piece does.

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
    elif any(token.startswith(BEGINS) for place, token in enumerate(tokens) if place not in alone):
        begins = [token.startswith(BEGINS) for token in tokens]
    else:
        return None
    word, word_of = 0, []
    for place, first in enumerate(begins):
        word += first or place in alone or place - 1 in alone
        word_of.append(word)
    return spans(word_of)


def merged(
    weights: Float[Array, "*heads q k"], rows: Sequence[Span], columns: Sequence[Span]
) -> Float[Array, "*heads w v"]:
    """Attention between words: summed over the pieces of what is looked at, averaged over those of what looks (Clark et al. 2019).

    >>> merged(np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]), [(0, 2)], [(0, 1), (1, 3)]).tolist()
    [[0.25, 0.75]]
    """
    summed = np.add.reduceat(weights, [first for first, _ in columns], axis=-1)
    added = np.add.reduceat(summed, [first for first, _ in rows], axis=-2)
    return added / np.array([end - first for first, end in rows], dtype=weights.dtype)[:, None]
