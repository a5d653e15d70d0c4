"""Normalisation over features, and what stands around each branch of a block: a residual sum, or nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.kernels import dispatch


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


class NoNorm(Spec):
    """Features pass as they are."""

    def build(self, width: int) -> nn.Module:
        return nn.Identity()


class LayerNormSpec(Spec):
    """Mean 0 and variance 1 over a token's features, then a trained scale and shift (Ba et al. 2016, eq. 4).

    Over a single feature the result is the shift, whatever came in: a model of width 1 cannot see its input.
    """

    epsilon: float = 1e-5

    def build(self, width: int) -> nn.Module:
        return LayerNorm(width, self.epsilon)


class RMSNormSpec(Spec):
    """Mean square 1 over a token's features, then a trained scale (Zhang and Sennrich 2019, eq. 4)."""

    epsilon: float = 1e-6

    def build(self, width: int) -> nn.Module:
        return RMSNorm(width, self.epsilon)


NormSpec = NoNorm | LayerNormSpec | RMSNormSpec


class PreNorm(nn.Module):
    """``x + dropout(f(norm(x)))``: the residual stream itself is never normalised (Xiong et al. 2020)."""

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = norm, Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"], branch: Callable[[Tensor], Tensor]) -> Float[Tensor, "b t d"]:
        return x + self.dropout(branch(self.norm(x)))


class PostNorm(nn.Module):
    """``norm(x + dropout(f(x)))``: as the first transformer had it (Vaswani et al. 2017, §3.1)."""

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = norm, Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"], branch: Callable[[Tensor], Tensor]) -> Float[Tensor, "b t d"]:
        return self.norm(x + self.dropout(branch(x)))


class BranchAlone(nn.Module):
    """``dropout(f(norm(x)))``: nothing goes past the branch."""

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = norm, Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"], branch: Callable[[Tensor], Tensor]) -> Float[Tensor, "b t d"]:
        return self.dropout(branch(self.norm(x)))


class PreNormResidual(Spec):
    """Normalise what enters each branch."""

    norm: NormSpec = LayerNormSpec()

    def build(self, width: int, dropout: float) -> nn.Module:
        return PreNorm(self.norm.build(width), dropout)


class PostNormResidual(Spec):
    """Normalise the sum after each branch."""

    norm: NormSpec = LayerNormSpec()

    def build(self, width: int, dropout: float) -> nn.Module:
        return PostNorm(self.norm.build(width), dropout)


class NoResidual(Spec):
    """Normalise what enters each branch, and pass on the branch's result alone: what a residual stream is there to spare."""

    norm: NormSpec = LayerNormSpec()

    def build(self, width: int, dropout: float) -> nn.Module:
        return BranchAlone(self.norm.build(width), dropout)


ResidualSpec = PreNormResidual | PostNormResidual | NoResidual
