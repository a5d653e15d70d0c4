"""Dropout, and how every part that draws is given a generator one can name, save and restore."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seqwright.nn.kernels import dropout_noise
from seqwright.nn.kernels.vmap import lifted


class Dropout(nn.Module):
    """Zeroes each element with the given probability while training and scales the rest to keep the mean.

    Srivastava et al. 2014. ``torch.nn.functional.dropout`` and SDPA take no generator; this does, so a run can be
    repeated and resumed exactly (:mod:`seqwright.nn.kernels.dropout_noise`).

    Args:
        rate: the probability of a zero, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None  # torch's own, until :func:`draw_from` names one

    def forward(self, x: Tensor) -> Tensor:
        if not self.active:
            return x
        return x * lifted(dropout_noise.kept, x.detach(), self.rate, self.generator)

    @property
    def active(self) -> float:
        """The rate while training, 0 otherwise."""
        return self.rate if self.training else 0.0


@runtime_checkable
class Draws(Protocol):
    """A part that draws random numbers while training: from its generator, or from torch's own where it has none."""

    generator: torch.Generator | None


def draw_from(model: nn.Module, generator: torch.Generator) -> None:
    """Let every part of the model that draws while training draw from this generator from now on."""
    for module in model.modules():
        if isinstance(module, Draws):
            module.generator = generator
