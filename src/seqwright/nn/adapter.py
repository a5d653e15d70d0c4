"""Adapters: small trained additions to linear layers whose own weights may stay as they are."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Above, Count, Spec
from seqwright.nn.kernels import dispatch


class Adapter(Place):
    """A kind of addition to a linear layer."""

    __slots__ = ()

    @abstractmethod
    def build(self, inputs: int, outputs: int) -> nn.Module:
        """Build the module, which maps the layer's input ``[b t i]`` to an addition to its output ``[b t o]``."""


class LowRankUpdate(nn.Module):
    """See :class:`LoRA`."""

    def __init__(self, inputs: int, outputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.empty(outputs, rank))
        self.bound, self.scale = inputs**-0.5, scale

    def reset(self, generator: torch.Generator) -> None:
        """Draw the first map anew and set the second to 0."""
        nn.init.uniform_(self.down, -self.bound, self.bound, generator=generator)
        nn.init.zeros_(self.up)

    def forward(self, x: Float[Tensor, "b t i"]) -> Float[Tensor, "b t o"]:
        return self.scale * dispatch.linear(dispatch.linear(x, self.down, None), self.up, None)


class LoRA(Spec, Adapter):
    """A low-rank update ``(alpha / rank) B A x``, 0 before it is trained (Hu et al. 2021, §4.1)."""

    rank: Count = 8
    alpha: Above = 16.0

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return LowRankUpdate(inputs, outputs, self.rank, self.alpha / self.rank)
