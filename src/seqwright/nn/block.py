"""A layer, and a stack of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.probe import SILENT, Probe, within
from seqwright.core.spec import Count, Rate, Spec
from seqwright.nn.attention import AttentionSpec
from seqwright.nn.cache import KVCache
from seqwright.nn.dropout import Dropout
from seqwright.nn.feedforward import FeedForwardSpec
from seqwright.nn.norm import LayerNormSpec, NormSpec, PreNormResidual, ResidualSpec
from seqwright.nn.position import AttentionPositions, CrossPositionSpec, NoPosition, Position, PositionSpec


@dataclass(frozen=True)
class Encoded:
    """A source as its encoder left it: vectors and their places."""

    x: Float[Tensor, "b s d"]
    at: Int[Tensor, "b s"]

    def select(self, rows: Tensor) -> Encoded:
        """The given rows, in that order."""
        return Encoded(self.x.index_select(0, rows), self.at.index_select(0, rows))


@dataclass(frozen=True)
class LayerCache:
    """What one layer remembers: of the tokens it has read, and of the source."""

    own: KVCache | None = None
    source: KVCache | None = None

    def select(self, rows: Tensor) -> LayerCache:
        """The given rows, in that order."""
        return LayerCache(self.own and self.own.select(rows), self.source and self.source.select(rows))

    def rewind(self, length: int) -> LayerCache:
        """As it was when ``length`` tokens had been read."""
        return LayerCache(self.own and self.own.rewind(length), self.source)


class Block(nn.Module):
    """Self-attention, cross attention where there is a source, feed-forward unless left out: each a residual branch."""

    def __init__(self, stack: StackSpec, width: int) -> None:
        super().__init__()
        residual: Callable[[], nn.Module] = lambda: stack.residual.build(width, stack.dropout)  # noqa: E731
        self.self_residual = residual()
        self.self_attention = stack.self_attention.build(width, stack.dropout)
        if stack.cross_attention is not None:
            self.cross_residual = residual()
            self.cross_attention = stack.cross_attention.build(width, stack.dropout)
        if stack.feedforward is not None:
            self.feedforward_residual = residual()
            self.feedforward = stack.feedforward.build(width, stack.dropout)
        self.crosses, self.feeds_forward = stack.cross_attention is not None, stack.feedforward is not None

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        here: AttentionPositions,
        across: AttentionPositions,
        source: tuple[Float[Tensor, "b s d"], AttentionPositions] | None,
        memories: LayerCache,
        probe: Probe = SILENT,
    ) -> tuple[Float[Tensor, "b t d"], LayerCache]:
        """The tokens' vectors one layer on; ``here`` and ``across`` is where they stand for either attention."""
        own, seen = memories.own, memories.source

        def look_back(h: Tensor) -> Tensor:
            nonlocal own
            y, own = self.self_attention(h, here, (h, here), own, within(probe, "self_attention"))
            return y

        def look_across(h: Tensor) -> Tensor:
            nonlocal seen
            read = source if seen is None else None
            y, seen = self.cross_attention(h, across, read, seen, within(probe, "cross_attention"))
            return y

        x = self.self_residual(x, look_back)
        if self.crosses:
            x = self.cross_residual(x, look_across)
        if self.feeds_forward:
            x = self.feedforward_residual(x, self.feedforward)
        return probe("output", x), LayerCache(own, seen)


class Stack(nn.Module):
    """See :class:`StackSpec`."""

    def __init__(self, stack: StackSpec, width: int) -> None:
        super().__init__()
        self.position = stack.position.build(width, stack.self_attention.heads)
        crossing = stack.cross_attention
        self.cross_position = stack.cross_position.build(width, crossing.heads) if crossing else Position()
        self.dropout = Dropout(stack.embedding_dropout)
        self.blocks = nn.ModuleList(Block(stack, width) for _ in range(stack.layers))
        self.norm = stack.final_norm.build(width)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        at: Int[Tensor, "b t"],
        source: Encoded | None,
        memories: tuple[LayerCache, ...],
        probe: Probe = SILENT,
    ) -> tuple[Float[Tensor, "b t d"], tuple[LayerCache, ...]]:
        standing = self.position.stand(at)
        x = probe("embedded", self.dropout(self.position.embed(x, standing)))
        here, across = self.position.places(standing, x.dtype), self.cross_position.places(at, x.dtype)
        read = source and (source.x, self.cross_position.places(source.at, x.dtype))
        after = []
        for index, (block, before) in enumerate(zip(self.blocks, memories, strict=True)):
            x, memory = block(x, here, across, read, before, within(probe, f"blocks.{index}"))
            after.append(memory)
        return self.norm(x), tuple(after)


class StackSpec(Spec):
    """Layers of attention and feed-forward over one side's tokens (Vaswani et al. 2017, figure 1).

    The kind of position belongs to the stack, the mask to the attention. A decoder that hears a source has a
    ``cross_attention``; without ``feedforward`` a layer is attention alone. ``dropout`` acts on attention weights, inside the feed-forward and on each branch's result, as in
    ``torch.nn.Transformer``; ``embedding_dropout`` on the embedded tokens.

    ``cross_position`` tells how far a source token's place lies from the target token's own. It is absent in the first transformers; where targets follow their sources in order, as sounds follow
    letters, it spares a model most of what it would have to learn.
    """

    feedforward: FeedForwardSpec | None
    self_attention: AttentionSpec = AttentionSpec()
    cross_attention: AttentionSpec | None = None
    layers: Count = 1
    position: PositionSpec = NoPosition()
    cross_position: CrossPositionSpec = NoPosition()
    residual: ResidualSpec = PreNormResidual()
    final_norm: NormSpec = LayerNormSpec()
    dropout: Rate = 0.1
    embedding_dropout: Rate = 0.0

    def build(self, width: int) -> Stack:
        return Stack(self, width)
