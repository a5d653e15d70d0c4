"""The feed-forward branch: each token on its own."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Count, Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.linear import Linear, xavier


class ReLU(Spec):
    """``max(0, x)``."""

    def apply(self, x: Tensor) -> Tensor:
        return x.relu()


class GELU(Spec):
    """``x Φ(x)``: the chance that a standard normal number is below x, times x (Hendrycks and Gimpel 2016)."""

    def apply(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x)


ActivationSpec = ReLU | GELU


class FeedForward(nn.Module):
    """See :class:`FeedForwardSpec`."""

    def __init__(self, width: int, inner: int, activation: ActivationSpec, dropout: float) -> None:
        super().__init__()
        self.widen = Linear(width, inner, bound=xavier(width, inner))
        self.narrow = Linear(inner, width, bound=xavier(width, inner))
        self.activation, self.dropout = activation, Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.narrow(self.dropout(self.activation.apply(self.widen(x))))


class FeedForwardSpec(Spec):
    """``W₂ σ(W₁ x + b₁) + b₂`` (Vaswani et al. 2017, eq. 2, where σ is ReLU); ``inner`` is the width between the two."""

    inner: Count
    activation: ActivationSpec = ReLU()

    def build(self, width: int, dropout: float) -> FeedForward:
        return FeedForward(width, self.inner, self.activation, dropout)
