"""The transformer: an encoder with a decoder, or a decoder alone, from the same parts."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqwright.core.model import ModelSpec, Output, SequenceModel, Side
from seqwright.core.probe import SILENT, Probe, within
from seqwright.core.spec import Count, Spec, vary
from seqwright.core.tokens import Tokens
from seqwright.nn.embedding import Embedding, Head
from seqwright.nn.mixer import Mixer
from seqwright.nn.padding import MaskedPadding, Padding
from seqwright.nn.stack import StackSpec, StackState


class Transformer(SequenceModel):
    """See :class:`TransformerSpec`. One forward serves training, cached decoding, capture and ensembles."""

    spec: TransformerSpec

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__(spec)
        self.embedding = spec.embedding.build(spec.width)
        self.source_embedding = spec.source_embedding.build(spec.width) if spec.source_embedding else None
        self.encoder = spec.encoder.build(spec.width) if spec.encoder else None
        self.decoder = spec.decoder.build(spec.width)
        self.head = spec.head.build(spec.width)

    @property
    def incremental(self) -> bool:
        """True if a token's logits are independent of the tokens after it."""
        return self.spec.decoder.causal

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> StackState:
        """Encode the source and return the state before the first token."""
        if self.encoder is None or source is None:
            return self.decoder.start(None, within(probe, "decoder"))
        source = self.spec.padding.read(source)
        x, _, losses = self.encoder(
            self.embed_source(source.ids), source, self.encoder.start(), within(probe, "encoder")
        )
        return self.decoder.start(self.decoder.encoded(x, source), within(probe, "decoder"), losses)

    def embed_source(self, ids: Tensor) -> Float[Tensor, "b s d"]:
        """Embed a source's ids, by a table of its own where there is one."""
        return (self.source_embedding or self.embedding)(ids)

    def advance(self, tokens: Tokens, state: StackState, probe: Probe = SILENT) -> tuple[Output, StackState]:
        """Read more tokens."""
        tokens = self.spec.padding.read(tokens, state.length)
        x, after, losses = self.decoder(self.embedding(tokens.ids), tokens, state, within(probe, "decoder"))
        return Output(probe("logits", self.head(x)), losses), after


class TransformerSpec(Spec, ModelSpec):
    """A whole transformer (Vaswani et al. 2017), as a value.

    The width is written once, here. With an ``encoder`` it maps sources to targets; without one it continues sequences.
    Source and target share one embedding unless the source has a vocabulary of its own, with a ``source_embedding``.
    The logits at a token predict the token after it.

    >>> from seqwright.core.model import build
    >>> from seqwright.nn.block import BlockSpec
    >>> from seqwright.nn.embedding import SymbolHead, TokenEmbedding
    >>> from seqwright.nn.feedforward import FeedForwardSpec
    >>> decoder = StackSpec(blocks=BlockSpec(feedforward=FeedForwardSpec(inner=8)))
    >>> spec = TransformerSpec(width=8, embedding=TokenEmbedding(vocabulary=4), head=SymbolHead(outputs=4), decoder=decoder)
    >>> sum(p.numel() for p in build(spec).parameters())
    548
    """

    width: Count
    embedding: Embedding
    decoder: StackSpec
    head: Head
    encoder: StackSpec | None = None
    source_embedding: Embedding | None = None
    padding: Padding = MaskedPadding()

    def build(self) -> Transformer:
        return Transformer(self)

    @property
    def reads_source(self) -> bool:
        return self.encoder is not None and any(each.cross or each.mixer.reads_source for each in self.decoder.each())

    @property
    def masks_padding(self) -> bool:
        return self.padding.masked

    def max_length(self, side: Side) -> int | None:
        stack = self.encoder if side == "source" else self.decoder
        return stack and stack.position.max_length

    def vocabulary_size(self, side: Side) -> int | None:
        own = self.source_embedding if side == "source" else None
        return (own or self.embedding).size

    @property
    def output_size(self) -> int | None:
        return self.head.size

    def with_vocabulary(self, source: int, target: int, outputs: int) -> TransformerSpec:
        own = self.source_embedding or (self.embedding if self.reads_source and source != target else None)
        edits = {"embedding": self.embedding.resized(target), "head": self.head.resized(outputs)}
        return vary(self, {**edits, "source_embedding": own and own.resized(source)})

    def flops_per_token(self, length: int) -> int:
        stacks = [stack for stack in (self.encoder, self.decoder) if stack]
        return sum(stack.flops(self.width, length) for stack in stacks) + 2 * self.width * (self.head.size or 1)


def encoder_decoder(width: int, embedding: Embedding, stack: StackSpec, cross: Mixer, head: Head) -> TransformerSpec:
    """Return a transformer with the same stack on both sides, and a cross-attention in the decoder's blocks."""
    decoder = vary(stack, {"blocks.cross": cross})
    return TransformerSpec(width=width, embedding=embedding, encoder=stack, decoder=decoder, head=head)
