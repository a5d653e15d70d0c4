"""The transformer: an encoder, a decoder, or a decoder that hears an encoder, from the same parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqwright.core.model import Output
from seqwright.core.probe import SILENT, Probe, within
from seqwright.core.spec import Count, Spec
from seqwright.core.tokens import Tokens
from seqwright.nn.block import Encoded, Memories, StackSpec
from seqwright.nn.embedding import EmbeddingSpec, HeadSpec
from seqwright.nn.padding import MaskedPadding, PaddingSpec


@dataclass(frozen=True)
class TransformerState:
    """What a transformer knows after reading: the encoded source until each layer remembers it, and these memories."""

    source: Encoded | None
    memories: tuple[Memories, ...]

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

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> TransformerState:
        """The state before the first token: the source encoded, nothing remembered."""
        fresh = (Memories(),) * self.spec.decoder.layers
        if self.encoder is None or source is None:
            return TransformerState(None, fresh)
        source = self.spec.padding.read(source)
        unread = (Memories(),) * len(self.encoder.blocks)
        x, _ = self.encoder(self.embedding(source.ids), source.at, None, unread, within(probe, "encoder"))
        return TransformerState(Encoded(x, source.at), fresh)

    def advance(
        self, tokens: Tokens, state: TransformerState, probe: Probe = SILENT
    ) -> tuple[Output, TransformerState]:
        """Read some more tokens."""
        return self(tokens, state=state, probe=probe)


class TransformerSpec(Spec):
    """A whole transformer (Vaswani et al. 2017), written as a value.

    The width is written once, here. With an ``encoder`` it maps sequences to sequences; without one it continues them.
    The head's logits at a token are about the token after it.

    >>> from seqwright.nn.feedforward import FeedForwardSpec
    >>> from seqwright.nn.embedding import LookUpEmbedding, SymbolHead
    >>> spec = TransformerSpec(width=8, embedding=LookUpEmbedding(vocabulary=4), head=SymbolHead(outputs=4),
    ...                        decoder=StackSpec(feedforward=FeedForwardSpec(inner=8)))
    >>> sum(p.numel() for p in build(spec).parameters())
    548
    """

    width: Count
    embedding: EmbeddingSpec
    decoder: StackSpec
    head: HeadSpec
    encoder: StackSpec | None = None
    padding: PaddingSpec = MaskedPadding()

    def build(self) -> Transformer:
        """The module, its parameters not yet drawn; :func:`build` draws them too."""
        return Transformer(self)


def build(spec: TransformerSpec, *, seed: int = 0) -> Transformer:
    """The module that a spec describes, its parameters drawn from ``seed`` alone.

    The same seed gives the same parameters on every machine, whatever the state of torch's own generator.

    Raises:
        SeqwrightError: the spec has a value that does not fit, such as a width that its heads do not divide.
    """
    model = spec.checked().build()
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        reset = getattr(module, "reset", None)
        if reset is not None:
            reset(generator)
    return model
