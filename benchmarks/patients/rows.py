"""Examples: padded rows of random words, and rows that count, which a model learns in a second."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

PAD, BOS, EOS = 0, 1, 2
FIRST = 3
"""The first id that is a word."""


def padded(rows: Iterable[Iterable[int]], pad: int = PAD) -> Tensor:
    """Pad rows of unequal length on the right: ``[b t]``."""
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(list(row)) for row in rows], True, pad)


def drawn_words(vocabulary: int, seed: int, count: int = 6, longest: int = 9) -> list[list[int]]:
    """Draw rows of random words, one of them of the greatest length."""
    generator = torch.Generator().manual_seed(1000 + seed)
    lengths = [longest, *torch.randint(3, longest, (count - 1,), generator=generator).tolist()]
    return [torch.randint(FIRST, vocabulary, (length,), generator=generator).tolist() for length in lengths]


def sentences(vocabulary: int, seed: int, *, pad: int = PAD, ended: bool = True) -> dict[str, Tensor]:
    """Return examples for decoders and encoders: a beginning, words, an end."""
    end = [EOS] if ended else []
    return {"ids": padded([[BOS, *row, *end] for row in drawn_words(vocabulary, seed)], pad)}


def pairs(vocabulary: int, seed: int) -> dict[str, Tensor]:
    """Return examples for encoder-decoders: the target is the reversed source."""
    words = drawn_words(vocabulary, seed)
    return {"source": padded([*row, EOS] for row in words), "target": padded([BOS, *row[::-1], EOS] for row in words)}


def counting(vocabulary: int, seed: int, count: int = 12) -> dict[str, Tensor]:
    """Return rows that count up to the last word and end: each token follows from the one before."""
    generator = torch.Generator().manual_seed(2000 + seed)
    starts = torch.randint(vocabulary - 8, vocabulary - 2, (count,), generator=generator).tolist()
    return {"ids": padded([BOS, *range(start, vocabulary), EOS] for start in starts)}


def next_word_loss(logits: Tensor, ids: Tensor, ignored: int = PAD) -> Tensor:
    """Return the cross-entropy of each token given those before it, from ``logits [b t v]`` and ``ids [b t]``."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=ignored)
