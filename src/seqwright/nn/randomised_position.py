"""Positions drawn at random while training, so that short sequences train the positions of long ones."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.nn.kernels.vmap import shared
from seqwright.nn.position import Position, PositionEncoding
from seqwright.nn.position_embedding import length


class Randomised(PositionEncoding):
    """See :class:`RandomisedPosition`. While training, rows have to be read whole: pieces would be drawn separately."""

    def __init__(self, encoding: PositionEncoding, positions: int, longest: int) -> None:
        super().__init__()
        self.position = encoding
        self.positions, self.longest = positions, longest
        self.generator: torch.Generator | None = None  # torch's own, until :func:`draw_from` sets one

    def remap(self, at: Tensor) -> Tensor:
        tokens, most = length(at), self.positions if self.training else self.longest
        if tokens > most:
            raise SeqwrightError(
                f"a sequence of {tokens} tokens is longer than the {most} randomised positions",
                fix="give RandomisedPosition " + ("more positions" if self.training else "a greater length"),
            )
        if not self.training or not tokens:
            return torch.where(at < 0, at, at * (self.positions // self.longest))
        return torch.where(at < 0, at, shared(random_positions, at, tokens, self.positions, self.generator))

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return self.position.embed(x, at)

    def rotation(self, at: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        return self.position.rotation(at, width, dtype)

    def bias(self, query_at: Tensor, key_at: Tensor, heads: int) -> Tensor | None:
        return self.position.bias(query_at, key_at, heads)


def random_positions(
    at: Int[Tensor, "b t"], tokens: int, positions: int, generator: torch.Generator | None
) -> Int[Tensor, "b t"]:
    """Draw as many positions for every row as it has tokens, without replacement, and assign them in order.

    Of independent uniform numbers, one a position, the ``n`` greatest lie at ``n`` positions chosen at random. Padding
    receives an invalid index.
    """
    numbers = torch.rand(at.shape[0], positions, generator=generator, device=at.device, dtype=torch.float64)
    drawn = numbers.topk(tokens).indices  # [b n], the greatest first: a shorter row's are the first of them
    spare = torch.arange(tokens, device=at.device) > at.amax(1, keepdim=True)  # [b n]
    return drawn.masked_fill(spare, positions).sort(1).values.gather(1, at.clamp_min(0))


class RandomisedPosition(Spec, Position):
    """Positions drawn at random while training, in the tokens' order (Ruoss et al. 2023, §3).

    A row of n tokens gets n of the ``positions``, without replacement and sorted, anew at every step: short sequences
    then train the positions that long ones need. In eval mode position p becomes ``p ⌊positions / length⌋``, evenly
    spread and the same each time; sequences of up to ``length`` tokens then fit. The paper has one draw for all rows of a
    batch, and draws in eval mode too.
    """

    position: Position
    positions: Count = 512
    length: Count = 128

    @property
    def max_length(self) -> int:
        return self.length

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        if self.length > self.positions:
            raise SeqwrightError(
                f"{self.length} tokens cannot have {self.positions} different positions",
                fix="give RandomisedPosition at least as many positions as its length",
            )
        if self.position.max_length not in (None, self.positions):
            raise SeqwrightError(
                f"{self.position.max_length} positions of {type(self.position).__name__} cannot serve"
                f" {self.positions} randomised ones",
                fix=f"give {type(self.position).__name__} the length {self.positions}",
            )
        return Randomised(self.position.build(width, heads), self.positions, self.length)
