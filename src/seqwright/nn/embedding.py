"""What stands at each place becomes a vector, and what the decoder says becomes an answer."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from seqwright.core.spec import Count, Spec
from seqwright.nn.kernels import dispatch
from seqwright.nn.linear import Linear
from seqwright.nn.scale import RootScale, Scale


class TokenTable(nn.Module):
    """See :class:`TokenEmbedding`."""

    def __init__(self, vocabulary: int, width: int, deviation: float, scale: Scale) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width))
        self.deviation, self.scale = deviation, scale.of(width)

    def reset(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.weight, std=self.deviation, generator=generator)

    def forward(self, ids: Shaped[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        return dispatch.look_up(self.weight, ids) * self.scale


class Scalar(nn.Module):
    """See :class:`ScalarEmbedding`."""

    def forward(self, ids: Shaped[Tensor, "b t"]) -> Float[Tensor, "b t 1"]:
        return ids[..., None]


class LinearScalar(nn.Module):
    """See :class:`LinearScalarEmbedding`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lift = Linear(1, width)

    def forward(self, ids: Shaped[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        return self.lift(ids[..., None])


class TokenEmbedding(Spec):
    """A trained vector for each symbol, N(0, deviation²), times ``scale``; one for both sides.

    The scale is of the model's width d, √d unless told otherwise (Vaswani et al. 2017, §3.4). The deviation 1 is ``torch.nn.Embedding``'s. In a wide model it makes embeddings so large beside what layers add to them
    that the layers count for little; with the scale √d, 1/√d gives features of variance 1.
    """

    vocabulary: Count
    deviation: float = 1.0
    scale: Scale = RootScale()

    def build(self, width: int) -> nn.Module:
        return TokenTable(self.vocabulary, width, self.deviation, self.scale)


class ScalarEmbedding(Spec):
    """The value itself, as a vector of width 1."""

    def build(self, width: int) -> nn.Module:
        return Scalar()


class LinearScalarEmbedding(Spec):
    """The value itself, lifted to the model's width by one trained affine map."""

    def build(self, width: int) -> nn.Module:
        return LinearScalar(width)


EmbeddingSpec = TokenEmbedding | ScalarEmbedding | LinearScalarEmbedding


class SymbolHead(Spec):
    """The un-embedding: an affine map to a logit for each of ``outputs`` symbols."""

    outputs: Count

    def build(self, width: int) -> nn.Module:
        return Linear(width, self.outputs)


class VectorHead(Spec):
    """The vector itself is the answer (a model of width 1 that speaks in scalars)."""

    def build(self, width: int) -> nn.Module:
        return nn.Identity()


class ScalarHead(Spec):
    """An affine map to one number."""

    def build(self, width: int) -> nn.Module:
        return Linear(width, 1)


HeadSpec = SymbolHead | VectorHead | ScalarHead
