"""Normalisation over the features of each token."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.nn.kernels import dispatch


class Norm(Place):
    """A normalisation of vectors ``[b t d]``."""

    __slots__ = ()

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """Build the module."""


class LayerNorm(nn.Module):
    """See :class:`LayerNormSpec`."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return dispatch.layer_norm(x, self.weight, self.bias, self.epsilon)


class RMSNorm(nn.Module):
    """See :class:`RMSNormSpec`."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return dispatch.rms_norm(x, self.weight, self.epsilon)


class NoNorm(Spec, Norm):
    """No normalisation."""

    def build(self, width: int) -> nn.Module:
        return nn.Identity()


class LayerNormSpec(Spec, Norm):
    """Mean 0 and variance 1 over a token's features, then a trained scale and shift (Ba et al. 2016, eq. 4).

    Over a single feature the result is the shift, whatever the input: a model of width 1 is constant.
    """

    epsilon: float = 1e-5

    def build(self, width: int) -> nn.Module:
        return LayerNorm(width, self.epsilon)


class RMSNormSpec(Spec, Norm):
    """Mean square 1 over a token's features, then a trained scale (Zhang and Sennrich 2019, eq. 4)."""

    epsilon: float = 1e-6

    def build(self, width: int) -> nn.Module:
        return RMSNorm(width, self.epsilon)
