"""Residual connections around the branches of a block, and the normalisation that belongs to them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.norm import LayerNormSpec, Norm


class BranchConnection(nn.Module, ABC):
    """The connection around one branch: ``connect(x, branch(enter(x)))``."""

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = norm, Dropout(dropout)

    @abstractmethod
    def enter(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Return the branch's input."""

    @abstractmethod
    def connect(self, x: Float[Tensor, "b t d"], y: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Join the residual stream and the branch's output."""


class Residual(Place):
    """A kind of connection around every branch of a block."""

    __slots__ = ()

    @abstractmethod
    def build(self, width: int, dropout: float) -> BranchConnection:
        """Build the module of one branch."""


class PreNorm(BranchConnection):
    """See :class:`PreNormResidual`."""

    def enter(self, x: Tensor) -> Tensor:
        return self.norm(x)

    def connect(self, x: Tensor, y: Tensor) -> Tensor:
        return x + self.dropout(y)


class PostNorm(BranchConnection):
    """See :class:`PostNormResidual`."""

    def enter(self, x: Tensor) -> Tensor:
        return x

    def connect(self, x: Tensor, y: Tensor) -> Tensor:
        return self.norm(x + self.dropout(y))


class BranchAlone(BranchConnection):
    """See :class:`NoResidual`."""

    def enter(self, x: Tensor) -> Tensor:
        return self.norm(x)

    def connect(self, x: Tensor, y: Tensor) -> Tensor:
        return self.dropout(y)


class PreNormResidual(Spec, Residual):
    """``x + dropout(f(norm(x)))``: the residual stream itself is never normalised (Xiong et al. 2020)."""

    norm: Norm = LayerNormSpec()

    def build(self, width: int, dropout: float) -> BranchConnection:
        return PreNorm(self.norm.build(width), dropout)


class PostNormResidual(Spec, Residual):
    """``norm(x + dropout(f(x)))``, as in the first transformer (Vaswani et al. 2017, §3.1)."""

    norm: Norm = LayerNormSpec()

    def build(self, width: int, dropout: float) -> BranchConnection:
        return PostNorm(self.norm.build(width), dropout)


class NoResidual(Spec, Residual):
    """``dropout(f(norm(x)))``: the branch's output alone, without a residual stream."""

    norm: Norm = LayerNormSpec()

    def build(self, width: int, dropout: float) -> BranchConnection:
        return BranchAlone(self.norm.build(width), dropout)
