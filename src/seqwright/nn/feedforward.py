"""Feed-forward parts of a block, which map each token by itself."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.linear import LinearMap, LinearSpec, xavier

Losses = dict[str, Tensor]
"""Auxiliary losses by name, each a sum over the real tokens."""


class Activation(Place):
    """An elementwise function between two linear layers."""

    __slots__ = ()

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor:
        """Apply the function."""


class ReLU(Spec, Activation):
    """``max(0, x)``."""

    def apply(self, x: Tensor) -> Tensor:
        return x.relu()


class GELU(Spec, Activation):
    """``x Φ(x)``, with Φ the distribution function of the standard normal (Hendrycks and Gimpel 2016)."""

    def apply(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x)


class FeedForward(Place):
    """A kind of feed-forward part.

    Its module maps ``x [b t d]`` and the tokens' positions ``at [b t]`` (−1 at padding) to ``(y [b t d], losses)``, with
    auxiliary losses such as an expert router's; ``{}`` for none.
    """

    __slots__ = ()

    @abstractmethod
    def build(self, width: int, dropout: float) -> nn.Module:
        """Build the module."""

    @abstractmethod
    def flops(self, width: int) -> int:
        """Return the floating-point operations for one token."""


class DenseFeedForward(nn.Module):
    """See :class:`FeedForwardSpec`."""

    def __init__(self, width: int, spec: FeedForwardSpec, dropout: float) -> None:
        super().__init__()
        self.widen = spec.linear.build(width, spec.inner, bound=xavier(width, spec.inner))
        self.narrow = spec.linear.build(spec.inner, width, bound=xavier(width, spec.inner))
        self.activation, self.dropout = spec.activation, Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "b t d"], at: Int[Tensor, "b t"], probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], Losses]:
        return self.narrow(self.dropout(self.activation.apply(self.widen(x)))), {}


class FeedForwardSpec(Spec, FeedForward):
    """``W₂ σ(W₁ x + b₁) + b₂`` (Vaswani et al. 2017, eq. 2, where σ is ReLU); ``inner`` is the width between the two."""

    inner: Count
    activation: Activation = ReLU()
    linear: LinearMap = LinearSpec()

    def build(self, width: int, dropout: float) -> nn.Module:
        return DenseFeedForward(width, self, dropout)

    def flops(self, width: int) -> int:
        return 4 * width * self.inner
