"""A stack of blocks over the tokens of one side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.probe import SILENT, Probe, within
from seqwright.core.spec import Count, Rate, Spec
from seqwright.core.tokens import PADDING, Tokens
from seqwright.nn.attention_positions import AttentionPositions, StackPositions, TokenPositions
from seqwright.nn.block import Block, BlockSpec, BlockState
from seqwright.nn.dropout import Dropout
from seqwright.nn.feedforward import Losses
from seqwright.nn.mixer import Encoded, Mixer
from seqwright.nn.norm import LayerNormSpec, Norm
from seqwright.nn.position import CrossPosition, NoPosition, Position, PositionEncoding


@dataclass(frozen=True)
class StackState:
    """Everything a stack keeps of the tokens it has read.

    Attributes:
        blocks: each layer's state.
        read: the positions of all tokens read so far; ``None`` before the first.
        dense: whether these are known to be consecutive from 0, without padding.
        source: the source's positions and whether it is known to be unpadded; ``None`` where there is none.
        losses: auxiliary losses of the source's encoder, which belong to the next output.
    """

    blocks: tuple[BlockState, ...]
    read: TokenPositions | None = None
    dense: bool = True
    source: tuple[TokenPositions, bool] | None = None
    losses: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """The number of tokens read in each row, padding included."""
        return 0 if self.read is None else self.read.at.shape[1]

    def select(self, rows: Int[Tensor, "r"]) -> StackState:
        """Return the given rows, in that order."""
        return replace(
            self,
            blocks=tuple(block.select(rows) for block in self.blocks),
            read=self.read and self.read.select(rows),
            source=self.source and (self.source[0].select(rows), self.source[1]),
        )

    def rewind(self, lengths: Int[Tensor, "b"]) -> StackState:
        """Return the state after the first ``lengths`` tokens of each row, padding included."""
        assert self.read is not None, "nothing has been read"
        at, longest = self.read.at, int(lengths.max())
        kept = torch.arange(longest, device=at.device) < lengths[:, None]
        forgotten = self.read.map(lambda x: torch.where(kept, x[:, :longest], PADDING))
        dense = self.dense and bool(kept.all())
        return replace(self, blocks=tuple(b.rewind(lengths) for b in self.blocks), read=forgotten, dense=dense)


class Stack(nn.Module):
    """See :class:`StackSpec`."""

    def __init__(self, spec: StackSpec, width: int) -> None:
        super().__init__()
        blocks = spec.each()
        self.position = spec.position.build(width, _heads(block.mixer for block in blocks))
        across = _heads(block.cross for block in blocks if block.cross)
        self.cross_position = spec.cross_position.build(width, across) if across else PositionEncoding()
        self.dropout = Dropout(spec.embedding_dropout)
        self.blocks = nn.ModuleList(Block(block, width) for block in blocks)
        self.norm = spec.final_norm.build(width)

    def encoded(self, x: Float[Tensor, "b s d"], source: Tokens) -> Encoded:
        """Return a source's vectors with the positions that this stack's cross-attention reads."""
        return Encoded(x, TokenPositions(self.cross_position, source.at, source.at), source.dense)

    def start(self, source: Encoded | None = None, probe: Probe = SILENT, losses: Losses | None = None) -> StackState:
        """Return the state before the first token."""
        blocks = tuple(
            block.start(source, within(probe, f"blocks.{index}"))  # pyright: ignore[reportCallIssue]
            for index, block in enumerate(self.blocks)
        )
        return StackState(blocks, source=source and (source.positions, source.unpadded), losses=losses or {})

    def forward(
        self, x: Float[Tensor, "b t d"], tokens: Tokens, state: StackState, probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], StackState, Losses]:
        """Read embedded tokens; return their vectors, the state after them, and auxiliary losses summed over layers."""
        queries = TokenPositions(self.position, tokens.at, self.position.remap(tokens.at))
        x = probe("embedded", self.dropout(self.position.embed(x, queries.mapped)))
        dense = state.dense and (tokens.dense if state.read is None else _follows(tokens.at, state.length))
        read = queries if state.read is None else state.read.append(queries)
        at = StackPositions(
            AttentionPositions(queries, read, unpadded=dense, aligned=dense), self._across(tokens, state)
        )
        after, losses = [], dict(state.losses)
        for index, (block, before) in enumerate(zip(self.blocks, state.blocks, strict=True)):
            x, new, auxiliary = block(x, at, before, within(probe, f"blocks.{index}"))
            after.append(new)
            for name, loss in auxiliary.items():
                losses[name] = losses[name] + loss if name in losses else loss
        return self.norm(x), replace(state, blocks=tuple(after), read=read, dense=dense, losses={}), losses

    def _across(self, tokens: Tokens, state: StackState) -> AttentionPositions | None:
        if state.source is None:
            return None
        keys, unpadded = state.source
        queries = TokenPositions(self.cross_position, tokens.at, tokens.at)
        return AttentionPositions(queries, keys, unpadded=unpadded, aligned=False)


class StackSpec(Spec):
    """Layers over one side's tokens (Vaswani et al. 2017, figure 1).

    ``blocks`` is one block, repeated in ``layers`` layers, or a tuple of blocks that the layers repeat in turn; without
    ``layers`` there are as many as blocks. ``embedding_dropout`` acts on the embedded tokens.

    ``cross_position`` encodes the distance from a target token's position to a source token's. It is absent in the first
    transformers; where targets follow their sources in order, as sounds follow letters, most of the alignment need then not
    be learnt.

    >>> from seqwright.nn.feedforward import FeedForwardSpec
    >>> bare, full = BlockSpec(feedforward=None), BlockSpec(feedforward=FeedForwardSpec(inner=8))
    >>> [block.feedforward is None for block in StackSpec(blocks=(bare, full), layers=3).each()]
    [True, False, True]
    """

    blocks: BlockSpec | tuple[BlockSpec, ...]
    layers: Count | None = None
    position: Position = NoPosition()
    cross_position: CrossPosition = NoPosition()
    final_norm: Norm = LayerNormSpec()
    embedding_dropout: Rate = 0.0

    def each(self) -> tuple[BlockSpec, ...]:
        """Return the block of every layer."""
        blocks = self.blocks if isinstance(self.blocks, tuple) else (self.blocks,)
        return tuple(blocks[layer % len(blocks)] for layer in range(self.layers or len(blocks)))

    @property
    def causal(self) -> bool:
        """True if a token's vector is independent of the tokens after it."""
        return all(block.mixer.causal and (block.cross is None or block.cross.causal) for block in self.each())

    def build(self, width: int) -> Stack:
        """Build the module."""
        return Stack(self, width)

    def flops(self, width: int, length: int) -> int:
        """Return the floating-point operations for one token among ``length``."""
        return sum(
            block.mixer.flops(width, length)
            + (block.cross.flops(width, length) if block.cross else 0)
            + (block.feedforward.flops(width) if block.feedforward else 0)
            for block in self.each()
        )


def _follows(at: Int[Tensor, "b t"], past: int) -> bool:
    """Return whether every row's positions are known to run in order from ``past``; unknown on a GPU."""
    if at.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return bool((at.numpy() == np.arange(past, past + at.shape[1])).all())


def _heads(mixers: Iterable[Mixer]) -> frozenset[int]:
    return frozenset(mixer.heads for mixer in mixers if mixer.heads)
