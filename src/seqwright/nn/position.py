"""Position encodings: the order of tokens, as embeddings, rotations or biases carry it into attention.

A kind of position acts in one of three ways. ``embed`` adds to the tokens' vectors, once, at the foot of a stack;
``rotation`` turns queries and keys in every attention of it; ``bias`` adds to their scores. Each may first ``remap`` the
tokens' positions. Cross-attention has a position encoding of its own, absent by default: positions in the source and in
the target need not have anything in common.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Spec


class PositionEncoding(nn.Module):
    """The module of no position, and the base class of every kind, which overrides the method that it acts by."""

    def remap(self, at: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Map the tokens' positions to those that are encoded; their order is kept."""
        return at

    def embed(self, x: Float[Tensor, "b t d"], at: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """Add the encoding of the positions to the tokens' vectors."""
        return x

    def rotation(
        self, at: Int[Tensor, "b t"], width: int, dtype: torch.dtype
    ) -> tuple[Float[Tensor, "b 1 t c"], Float[Tensor, "b 1 t c"]] | None:
        """Return cosine and signed sine of the angle of each of ``width`` features; ``None`` for no rotation.

        The sine has the sign with which the other feature of a pair enters.
        """
        return None

    def bias(
        self, query_at: Int[Tensor, "b q"], key_at: Int[Tensor, "b k"], heads: int
    ) -> Float[Tensor, "b h q k"] | None:
        """Return the bias of the score of each query and key; ``None`` for none."""
        return None


class Position(Place):
    """A kind of position encoding for the tokens of a stack."""

    __slots__ = ()

    @property
    def max_length(self) -> int | None:
        """The longest sequence that it can encode; ``None`` where any length can be."""
        return None

    @abstractmethod
    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        """Build the module.

        Args:
            width: of the tokens' vectors.
            heads: the numbers of heads that the stack's layers have; none for layers without attention.

        Raises:
            SeqwrightError: the kind does not fit the width or the heads.
        """


class CrossPosition(Place):
    """A kind of position encoding that depends on pairs of positions, and so applies between two sequences too."""

    __slots__ = ()

    @abstractmethod
    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        """Build the module; see :meth:`Position.build`."""


class NoPosition(Spec, Position, CrossPosition):
    """No position encoding: an encoder then reads a bag of tokens."""

    def build(self, width: int, heads: frozenset[int]) -> PositionEncoding:
        return PositionEncoding()
