"""Relative positions, which act on pairs of a query and a key: rotations, and biases of the scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.nn.position import CrossPosition, Position, PositionEncoding


class Rotary(PositionEncoding):
    """See :class:`RotaryPosition`."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.base = base

    def rotation(self, at: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        even = torch.arange(0, width, 2, device=at.device, dtype=torch.float64)
        angle = at.clamp_min(0)[:, None, :, None] * self.base ** (-even / width)  # [b 1 t c/2]
        cos, sin = angle.cos(), angle.sin()
        cos, sin = torch.stack([cos, cos], -1), torch.stack([-sin, sin], -1)  # [b 1 t c/2 2]
        return cos.flatten(-2).to(dtype), sin.flatten(-2).to(dtype)


class RotaryPosition(Spec, Position, CrossPosition):
    """Queries and keys rotated by an angle that grows with their position (Su et al. 2021, eq. 15).

    The score then depends on the distance alone. Neighbouring features form the pairs, as in the paper. An odd head
    width cannot be paired.
    """

    base: float = 10000.0

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        for odd in (width // each for each in heads if (width // each) % 2):
            raise SeqwrightError(
                f"rotary positions rotate pairs of features, and a head of {odd} has an odd number",
                fix="choose width and heads so that width / heads is even",
            )
        return Rotary(self.base)


class ALiBi(PositionEncoding):
    """See :class:`ALiBiPosition`."""

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor:
        distance = (query_at[:, :, None] - key_at[:, None, :]).abs()[:, None]  # [b 1 q k]
        slopes = [2 ** (-8 * (head + 1) / heads) for head in range(heads)]
        slope = torch.tensor(slopes, device=distance.device, dtype=torch.get_default_dtype())
        return -slope[None, :, None, None] * distance


class ALiBiPosition(Spec, Position, CrossPosition):
    """A penalty on each score that grows with the distance, its slope fixed by the head (Press et al. 2022, §3)."""

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return ALiBi()


class T5Relative(PositionEncoding):
    """See :class:`T5RelativePosition`."""

    def __init__(self, heads: int, buckets: int, furthest: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(buckets, heads))
        self.buckets, self.furthest = buckets, furthest

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.table, std=0.02, generator=generator)

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor:
        ahead = key_at[:, None, :] - query_at[:, :, None]  # [b q k]
        half = self.buckets // 2
        exact = half // 2
        distance = ahead.abs()
        logarithmic = exact + (
            (distance.clamp_min(1) / exact).log() / math.log(self.furthest / exact) * (half - exact)
        ).long().clamp_max(half - exact - 1)
        bucket = torch.where(distance < exact, distance, logarithmic) + half * (ahead > 0)
        return self.table[bucket].movedim(-1, 1)  # [b q k h] to [b h q k]


class T5RelativePosition(Spec, Position, CrossPosition):
    """A trained bias for each head and range of distances, shared by a stack's layers (Raffel et al. 2020, §2.1).

    Half of the ``buckets`` are for keys ahead, half for keys behind; small distances have a bucket each, larger ones share
    buckets that widen up to ``furthest``.
    """

    buckets: Count = 32
    furthest: Count = 128

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        if len(heads) != 1:
            raise SeqwrightError(
                f"T5's position biases are one for each head, and the layers have {sorted(heads) or 'no'} heads",
                fix="give every layer the same number of heads, or choose another position",
            )
        return T5Relative(min(heads), self.buckets, self.furthest)
