"""Sequences of numbers, for models that read and predict values instead of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch, Pair, Prompts

TOLERANCE = 0.25
"""The greatest error of a correct scalar: half the distance from a symbol to the middle between two symbols."""


@dataclass(frozen=True)
class Scalars:
    """A coder of symbols as the numbers that they spell, without START and END.

    The length is fixed; the target's first value is given, and is the source's first.
    """

    def _tokens(self, rows: list[list[float]]) -> Tokens:
        return Tokens.of(rows, dtype=torch.get_default_dtype())

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Encode pairs: all values but the target's last as input, all but its first as labels."""
        source, target = ([[float(s) for s in side] for side in sides] for sides in zip(*pairs, strict=True))
        return Batch(
            self._tokens(source),
            self._tokens([row[:-1] for row in target]),
            self._tokens([row[1:] for row in target]).ids,
        )

    def prompts(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """Encode the sources, each with its first value as the prefix; ``limit`` is ignored, as the length is fixed."""
        source = self._tokens([[float(s) for s in pair.source] for pair in pairs])
        prefix = Tokens(source.ids[:, :1], source.at[:, :1])
        return Prompts(source, prefix, None, len(pairs[0].target) - 1)

    def answer(self, ids: Tensor) -> tuple[str, ...]:
        return tuple(f"{round(value, 2) + 0.0:.2f}" for value in ids.tolist())  # + 0.0: no −0.00

    def is_correct(self, pair: Pair, ids: Tensor) -> bool:
        """Return whether every generated value is within :data:`TOLERANCE` of the target's."""
        target = torch.tensor([float(s) for s in pair.target[1:]], dtype=ids.dtype)
        return bool(((ids - target).abs() < TOLERANCE).all())

    def correct_tokens(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits[..., 0] - labels).abs() < TOLERANCE

    def choose(self, logits: Tensor) -> Tensor:
        return logits[..., 0]

    def distribution(self, logits: Tensor) -> Tensor:
        return logits
