"""Absolute positions, as vectors that are added to the embedded tokens: fixed sinusoids, or a trained table."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.nn.position import Position, PositionEncoding


class Sinusoidal(PositionEncoding):
    """See :class:`SinusoidalPosition`."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return x + sinusoids(at, x.shape[-1], self.base, x.dtype)


def sinusoids(at: Int[Tensor, "b t"], width: int, base: float, dtype: torch.dtype) -> Float[Tensor, "b t d"]:
    """Alternate sine and cosine, of frequencies from 1 down to nearly 1/base."""
    even = torch.arange(0, width, 2, device=at.device, dtype=torch.float64)
    angle = at.clamp_min(0)[..., None] * base ** (-even / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :width].to(dtype)


class SinusoidalPosition(Spec, Position):
    """Fixed sinusoids added to the embedding (Vaswani et al. 2017, §3.5).

    ``PE(p, 2i) = sin(p / base^(2i/d))`` and ``PE(p, 2i+1) = cos(p / base^(2i/d))``.
    """

    base: float = 10000.0

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return Sinusoidal(self.base)


class Learned(PositionEncoding):
    """See :class:`LearnedPosition`."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(length, width))

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.table, std=0.02, generator=generator)

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        longest = length(at)
        if longest > self.table.shape[0]:
            raise SeqwrightError(
                f"a sequence of {longest} tokens is longer than the {self.table.shape[0]} learned positions",
                fix="give LearnedPosition a greater length, or use a kind of position that has none",
            )
        return x + self.table[at.clamp_min(0)]


def length(at: Int[Tensor, "b t"]) -> int:
    """Return the number of positions up to the last of the longest row."""
    return int(at.max()) + 1 if at.numel() else 0


class LearnedPosition(Spec, Position):
    """A trained vector for each of ``length`` positions, added to the embedding (Gehring et al. 2017)."""

    length: Count

    @property
    def max_length(self) -> int:
        return self.length

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return Learned(self.length, width)
