"""The transformer: an encoder, a decoder, or a decoder that hears an encoder, from the same parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqwright.core.model import ModelSpec, Output, Side
from seqwright.core.probe import SILENT, Probe, Record, within
from seqwright.core.spec import Count, Spec, vary
from seqwright.core.tokens import Tokens
from seqwright.nn.block import Encoded, LayerCache, StackSpec
from seqwright.nn.embedding import EmbeddingSpec, HeadSpec, SymbolHead, TokenEmbedding
from seqwright.nn.padding import MaskedPadding, Padding
from seqwright.nn.position import room


@dataclass(frozen=True)
class TransformerState:
    """What a transformer knows after reading: the encoded source until each layer remembers it, and these memories."""

    source: Encoded | None
    memories: tuple[LayerCache, ...]

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        own = self.memories[0].own if self.memories else None
        return 0 if own is None else own.at.shape[1]

    def select(self, rows: Tensor) -> TransformerState:
        """The given rows, in that order."""
        return TransformerState(
            self.source and self.source.select(rows), tuple(memory.select(rows) for memory in self.memories)
        )

    def rewind(self, length: int) -> TransformerState:
        """As it was when ``length`` tokens had been read."""
        return TransformerState(self.source, tuple(memory.rewind(length) for memory in self.memories))


class Transformer(nn.Module):
    """See :class:`TransformerSpec`. One forward serves training, cached decoding, capture and ensembles."""

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embedding = spec.embedding.build(spec.width)
        self.encoder = spec.encoder.build(spec.width) if spec.encoder else None
        self.decoder = spec.decoder.build(spec.width)
        self.head = spec.head.build(spec.width)

    @property
    def incremental(self) -> bool:
        """Whether a token's answer can be computed without the tokens after it."""
        return self.spec.decoder.self_attention.mask.causal

    def forward(
        self,
        tokens: Tokens,
        source: Tokens | None = None,
        state: TransformerState | None = None,
        probe: Probe = SILENT,
    ) -> tuple[Output, TransformerState]:
        """Read ``tokens`` after ``state``; without one, after a fresh look at ``source``."""
        state = state or self.start(source, probe)
        tokens = self.spec.padding.read(tokens, state.length)
        x, memories = self.decoder(
            self.embedding(tokens.ids), tokens.at, state.source, state.memories, within(probe, "decoder")
        )
        heard = all(
            memory.source is not None for memory in memories
        )  # its keys and values are all that is needed of it
        return Output(probe("logits", self.head(x))), TransformerState(None if heard else state.source, memories)

    def probe_names(self) -> tuple[str, ...]:
        """Return the names of all tensors that a forward pass over one token offers to a probe, in order."""
        parameter, offered, training = next(self.parameters()), Record(), self.training
        dtype = parameter.dtype if self.spec.vocabulary_size("target") is None else torch.long
        token = Tokens.of([[0]], dtype=dtype).to(parameter.device)
        with torch.no_grad():
            self.eval()(token, token, probe=offered)
        self.train(training)
        return tuple(offered.seen)

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> TransformerState:
        """The state before the first token: the source encoded, nothing remembered."""
        fresh = (LayerCache(),) * self.spec.decoder.layers
        if self.encoder is None or source is None:
            return TransformerState(None, fresh)
        source = self.spec.padding.read(source)
        unread = (LayerCache(),) * len(self.encoder.blocks)
        x, _ = self.encoder(self.embedding(source.ids), source.at, None, unread, within(probe, "encoder"))
        return TransformerState(Encoded(x, source.at), fresh)

    def advance(
        self, tokens: Tokens, state: TransformerState, probe: Probe = SILENT
    ) -> tuple[Output, TransformerState]:
        """Read some more tokens."""
        return self(tokens, state=state, probe=probe)


class TransformerSpec(Spec, ModelSpec):
    """A whole transformer (Vaswani et al. 2017), written as a value.

    The width is written once, here. With an ``encoder`` it maps sequences to sequences; without one it continues them.
    The head's logits at a token are about the token after it.

    >>> from seqwright.nn.feedforward import FeedForwardSpec
    >>> from seqwright.nn.embedding import TokenEmbedding, SymbolHead
    >>> from seqwright.core.model import build
    >>> spec = TransformerSpec(width=8, embedding=TokenEmbedding(vocabulary=4), head=SymbolHead(outputs=4),
    ...                        decoder=StackSpec(feedforward=FeedForwardSpec(inner=8)))
    >>> sum(p.numel() for p in build(spec).parameters())
    548
    """

    width: Count
    embedding: EmbeddingSpec
    decoder: StackSpec
    head: HeadSpec
    encoder: StackSpec | None = None
    padding: Padding = MaskedPadding()

    def build(self) -> Transformer:
        """The module, its parameters not yet drawn; :func:`seqwright.core.model.build` draws them too."""
        return Transformer(self)

    @property
    def reads_source(self) -> bool:
        return self.encoder is not None

    @property
    def masks_padding(self) -> bool:
        return isinstance(self.padding, MaskedPadding)

    def max_length(self, side: Side) -> int | None:
        stack = self.encoder if side == "source" else self.decoder
        return None if stack is None else room(stack.position)

    def vocabulary_size(self, side: Side) -> int | None:
        return self.embedding.vocabulary if isinstance(self.embedding, TokenEmbedding) else None

    @property
    def output_size(self) -> int | None:
        return self.head.outputs if isinstance(self.head, SymbolHead) else None

    def with_vocabulary(self, source: int, target: int, outputs: int) -> TransformerSpec:
        return vary(self, {"embedding.vocabulary": max(source, target), "head.outputs": outputs})

    def flops_per_token(self, length: int) -> int:
        stacks = [stack for stack in (self.encoder, self.decoder) if stack is not None]
        return sum(stack.layers * (24 * self.width**2 + 4 * length * self.width) for stack in stacks)
