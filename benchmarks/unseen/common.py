"""Examples, calls, steps and losses that the unseen models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Subject
from patients.rows import BOS, EOS, FIRST, PAD, padded
from torch import Tensor, nn

Build = Callable[[int], Subject]
"""A function from a seed to a subject."""

IGNORED = -100
"""The label that PyTorch ignores."""


def real(ids: Tensor, mask: Tensor | None) -> Tensor:
    """Return a mask of real tokens: all, where there is no mask."""
    return torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()


def call(model: nn.Module, ids: Tensor, mask: Tensor | None) -> Any:
    """Call a model with its mask."""
    return model(ids, mask)


def call_unmasked(model: nn.Module, ids: Tensor, mask: Tensor | None) -> Any:
    """Call a model without a mask."""
    return model(ids)


def call_translator(
    model: nn.Module, source: Tensor, source_mask: Tensor | None, target: Tensor, target_mask: Tensor | None
) -> Any:
    """Call an encoder and decoder with a mask for either side."""
    return model(source, real(source, source_mask), target, real(target, target_mask))


def step(model: nn.Module, ids: Tensor, past: Any) -> Any:
    """Take one step of decoding with a cache."""
    return model(ids, past=past, cached=True)


def rows(
    vocabulary: int,
    seed: int,
    *,
    begun: bool = True,
    ended: bool = True,
    pad: int = PAD,
    equal: bool = False,
    count: int = 6,
    longest: int = 9,
) -> dict[str, Tensor]:
    """Draw examples of random words, of several lengths or all of the greatest."""
    generator = torch.Generator().manual_seed(77 + seed)
    others = [longest] * (count - 1)
    if not equal:
        others = torch.randint(3, longest, (count - 1,), generator=generator).tolist()
    begin, end = [BOS] if begun else [], [EOS] if ended else []
    words = (drawn(vocabulary, length, generator) for length in (longest, *others))
    return {"ids": padded([[*begin, *row, *end] for row in words], pad)}


def pairs(vocabulary: int, seed: int, *, count: int = 6, longest: int = 8) -> dict[str, Tensor]:
    """Draw examples of random words and their reversals."""
    generator = torch.Generator().manual_seed(99 + seed)
    words = []
    for index in range(count):
        length = longest if index == 0 else int(torch.randint(3, longest, (1,), generator=generator))
        words.append(drawn(vocabulary, length, generator))
    return {"source": padded([*row, EOS] for row in words), "target": padded([BOS, *row[::-1], EOS] for row in words)}


def drawn(vocabulary: int, length: int, generator: torch.Generator) -> list[int]:
    """Draw random words."""
    return torch.randint(FIRST, vocabulary, (length,), generator=generator).tolist()


def cross_entropy(logits: Tensor, labels: Tensor, ignored: int = IGNORED, **options: Any) -> Tensor:
    """Return the cross-entropy of logits ``[b t v]`` and labels ``[b t]``."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignored, **options)


def without_ends(labels: Tensor) -> Tensor:
    """Return labels without padding and without ends."""
    return labels.masked_fill((labels == PAD) | (labels == EOS), IGNORED)


def translated(model: nn.Module, examples: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the logits of each target token given those before it, and its labels."""
    source, target = examples["source"], examples["target"]
    before = target[:, :-1]
    return call_translator(model, source, source != PAD, before, before != PAD), target[:, 1:]


def translation_loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each target token given the source and those before it."""
    logits, labels = translated(model, examples)
    return cross_entropy(logits, labels, PAD)


def translation_loss_without_ends(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that ignores ends like padding."""
    logits, labels = translated(model, examples)
    return cross_entropy(logits, without_ends(labels))
