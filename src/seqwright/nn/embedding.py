"""Embeddings, from ids to vectors, and heads, from vectors to predictions."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Count, Spec
from seqwright.nn.kernels import dispatch
from seqwright.nn.linear import Linear, LinearMap, LinearSpec
from seqwright.nn.scale import RootScale, Scale


class Embedding(Place):
    """A map from ids, or numbers, ``[b t]`` to vectors ``[b t d]``."""

    __slots__ = ()

    @property
    def size(self) -> int | None:
        """The number of ids; ``None`` where numbers are read."""
        return None

    def resized(self, size: int) -> Embedding:
        """Return the same embedding for another number of ids."""
        return self

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """Build the module."""


class Head(Place):
    """A map from vectors ``[b t d]`` to logits, or numbers, ``[b t v]``."""

    __slots__ = ()

    @property
    def size(self) -> int | None:
        """The number of symbols that are predicted; ``None`` where numbers are."""
        return None

    def resized(self, size: int) -> Head:
        """Return the same head for another number of symbols."""
        return self

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """Build the module."""


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


class TokenEmbedding(Spec, Embedding):
    """A trained vector for each symbol, drawn from N(0, deviation²), times ``scale``.

    The scale depends on the model's width d and is √d by default (Vaswani et al. 2017, §3.4). The deviation 1 is
    ``torch.nn.Embedding``'s; in a wide model it makes embeddings so large beside what layers add to them that the layers
    count for little. With the scale √d, a deviation of 1/√d gives features of variance 1.
    """

    vocabulary: Count
    deviation: float = 1.0
    scale: Scale = RootScale()

    @property
    def size(self) -> int:
        return self.vocabulary

    def resized(self, size: int) -> TokenEmbedding:
        return TokenEmbedding(size, self.deviation, self.scale)

    def build(self, width: int) -> nn.Module:
        return TokenTable(self.vocabulary, width, self.deviation, self.scale)


class ScalarEmbedding(Spec, Embedding):
    """The number itself, as a vector of width 1."""

    def build(self, width: int) -> nn.Module:
        return Scalar()


class LinearScalarEmbedding(Spec, Embedding):
    """The number itself, mapped to the model's width by one trained affine map."""

    def build(self, width: int) -> nn.Module:
        return LinearScalar(width)


class SymbolHead(Spec, Head):
    """The un-embedding: an affine map to a logit for each of ``outputs`` symbols."""

    outputs: Count
    linear: LinearMap = LinearSpec()

    @property
    def size(self) -> int:
        return self.outputs

    def resized(self, size: int) -> SymbolHead:
        return SymbolHead(size, self.linear)

    def build(self, width: int) -> nn.Module:
        return self.linear.build(width, self.outputs)


class VectorHead(Spec, Head):
    """The vector itself as the prediction, for a model of width 1 that predicts numbers."""

    def build(self, width: int) -> nn.Module:
        return nn.Identity()


class ScalarHead(Spec, Head):
    """An affine map to one number."""

    def build(self, width: int) -> nn.Module:
        return Linear(width, 1)
