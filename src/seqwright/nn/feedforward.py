"""The feed-forward branch: each token on its own."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Count, Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.linear import Linear, xavier


class FeedForward(nn.Module):
    """See :class:`FeedForwardSpec`."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.widen = Linear(width, inner, bound=xavier(width, inner))
        self.narrow = Linear(inner, width, bound=xavier(width, inner))
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.narrow(self.dropout(self.widen(x).relu()))


class FeedForwardSpec(Spec):
    """``W₂ max(0, W₁ x + b₁) + b₂`` (Vaswani et al. 2017, eq. 2); ``inner`` is the width between the two."""

    inner: Count

    def build(self, width: int, dropout: float) -> FeedForward:
        return FeedForward(width, self.inner, dropout)
