"""Models of seqwright: an encoder-decoder, a decoder and an encoder, from specs that lack a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.core.model import build
from seqwright.core.probe import Probe
from seqwright.core.spec import Spec, vary
from seqwright.core.tokens import PADDING, Tokens
from seqwright.doctor.contract import Contract
from seqwright.models.transformer import Transformer, TransformerSpec
from seqwright.nn.attention import AttentionSpec, CrossAttention, CrossAttentionSpec
from seqwright.nn.attention_positions import KeyMask
from seqwright.nn.block import BlockSpec
from seqwright.nn.dropout import Dropout
from seqwright.nn.embedding import ScalarEmbedding, SymbolHead, TokenEmbedding, VectorHead
from seqwright.nn.feedforward import FeedForwardSpec
from seqwright.nn.mask import CausalMask, Mask, NoMask
from seqwright.nn.mixer import Encoded
from seqwright.nn.padding import OrdinaryPadding
from seqwright.nn.position import NoPosition
from seqwright.nn.position_embedding import LearnedPosition, Sinusoidal, SinusoidalPosition
from seqwright.nn.relative_position import RotaryPosition
from seqwright.nn.stack import Stack, StackSpec, StackState

from .case import Case, Subject, case
from .rows import BOS, EOS, PAD, next_word_loss, pairs, sentences

VOCABULARY = 30

SMALL = FeedForwardSpec(inner=32)
CAUSAL_ATTENTION = AttentionSpec(heads=2, mask=CausalMask())
CAUSAL = StackSpec(BlockSpec(SMALL, CAUSAL_ATTENTION), layers=2, position=RotaryPosition())
BIDIRECTIONAL = StackSpec(BlockSpec(SMALL, AttentionSpec(heads=2)), layers=2, position=SinusoidalPosition())
CROSSING = StackSpec(
    BlockSpec(SMALL, CAUSAL_ATTENTION, CrossAttentionSpec(heads=2)), layers=2, position=SinusoidalPosition()
)

EMBEDDING, HEAD = TokenEmbedding(vocabulary=VOCABULARY), SymbolHead(outputs=VOCABULARY)
DECODER = TransformerSpec(width=16, embedding=EMBEDDING, decoder=CAUSAL, head=HEAD)
ENCODER = TransformerSpec(width=16, embedding=EMBEDDING, decoder=BIDIRECTIONAL, head=HEAD)
BOTH = TransformerSpec(width=16, embedding=EMBEDDING, decoder=CROSSING, head=HEAD, encoder=BIDIRECTIONAL)


def tokens(ids: Tensor, mask: Tensor | None) -> Tokens:
    """Return ids and a mask as tokens with positions."""
    real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    return Tokens(ids, (real.cumsum(1) - 1).masked_fill(~real, PADDING))


def call(model: Transformer, ids: Tensor, mask: Tensor | None) -> Tensor:
    """Call a model of one side."""
    return model(tokens(ids, mask))[0].logits


def call_both(model: Transformer, source: Tensor, source_mask: Any, target: Tensor, target_mask: Any) -> Tensor:
    """Call a model of two sides."""
    return model(tokens(target, target_mask), tokens(source, source_mask))[0].logits


def step(model: Transformer, ids: Tensor, past: StackState | None) -> tuple[Tensor, StackState]:
    """Take a cached step at the positions after those that were read."""
    past = past or model.start(None)
    at = past.length + torch.arange(ids.shape[1]).expand_as(ids)
    output, past = model.advance(Tokens(ids, at), past)
    return output.logits, past


def step_anew(model: Transformer, ids: Tensor, past: StackState | None) -> tuple[Tensor, StackState]:
    """Take a cached step at the first positions again."""
    output, past = model.advance(tokens(ids, None), past or model.start(None))
    return output.logits, past


def loss(model: Transformer, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it."""
    ids = examples["ids"]
    return next_word_loss(call(model, ids, ids != PAD), ids)


def loss_both(model: Transformer, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each target token given those before it and the source."""
    source, target = examples["source"], examples["target"]
    read = target[:, :-1]
    logits = call_both(model, source, source != PAD, read, read != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def copying_loss(model: Transformer, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with the target as input and as label."""
    source, target = examples["source"], examples["target"]
    logits = call_both(model, source, source != PAD, target, target != PAD)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)


# masks and parts that a spec cannot have


class OneTooFarFrom(Spec, Mask):
    """A causal mask, except that a token from some position on attends to the next one."""

    first: int = 0
    causal = True

    def allows(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        return key_at <= query_at + (query_at >= self.first).long()


class PaddingAttended(CrossAttention):
    """Attention to every key, padding included."""

    def weighted(self, query: Tensor, cache: Any, mask: KeyMask, bias: Tensor | None, probe: Probe) -> Tensor:
        every = torch.ones_like(mask.allowed)
        return super().weighted(query, cache, KeyMask("all", lambda: every), bias, probe)


class SourceUnread(Stack):
    """A decoder that does not receive the encoder's output."""

    def encoded(self, x: Tensor, source: Tokens) -> Encoded:
        return super().encoded(x * 0, source)


class SourceDetached(Stack):
    """An encoder without a gradient."""

    def encoded(self, x: Tensor, source: Tokens) -> Encoded:
        return super().encoded(x.detach(), source)


class FaintWaves(Sinusoidal):
    """Sinusoids with an amplitude of a millionth."""

    def embed(self, x: Tensor, at: Tensor) -> Tensor:
        return x + 1e-6 * super().embed(torch.zeros_like(x), at)


class DropsOutAlways(Dropout):
    """Dropout that is active in eval mode, too."""

    @property
    def active(self) -> float:
        return self.rate


class NormedOverBatch(nn.Module):
    """A norm whose mean and variance are taken over rows."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


class Counting(Stack):
    """A model that reverses the embedded tokens in every second call."""

    calls = 0

    def forward(self, x: Tensor, *others: Any) -> Any:
        self.calls += 1
        return super().forward(x if self.calls % 2 else -x, *others)


# subjects


def sized(spec: TransformerSpec, seed: int) -> TransformerSpec:
    """Return a different width for a different seed."""
    return spec if spec.width == 1 else vary(spec, {"width": (16, 32)[seed % 2]})


def subject(
    spec: TransformerSpec, change: Callable[[Transformer], object] | None = None, **differently: Any
) -> Callable[[int], Subject]:
    """Return a builder of subjects of a spec, perhaps changed; an extra of ``None`` is left out."""
    kind = differently.pop("kind", "encoder-decoder" if spec.encoder else "decoder" if causal(spec) else "encoder")
    promised = differently.pop("promised", {})

    def prepared(seed: int) -> Subject:
        model = build(sized(spec, seed), seed=seed)
        if change:
            change(model)
        ids = {"pad": PAD, "bos": BOS, "eos": EOS, "padding_side": "both"}
        contract = Contract(**{**ids, **promised}, kind=kind, vocabulary=VOCABULARY)
        usual = {
            "encoder-decoder": {"call": call_both, "loss": loss_both, "examples": pairs(VOCABULARY, seed)},
            "decoder": {"call": call, "step": step, "loss": loss, "examples": sentences(VOCABULARY, seed)},
            "encoder": {"call": call},
        }
        extras = {**usual[kind], **differently}
        return Subject(model, contract, {name: extra for name, extra in extras.items() if extra is not None})

    return prepared


def causal(spec: TransformerSpec) -> bool:
    return spec.decoder.causal


def last_mask(mask: Any) -> Callable[[Transformer], object]:
    """Return a function that gives the decoder's last self-attention another mask."""
    return lambda model: setattr(model.decoder.blocks[-1].mixer, "mask", mask)


def become(ours: type, part: Callable[[Transformer], object]) -> Callable[[Transformer], object]:
    """Return a function that gives one part of a model another class."""
    return lambda model: setattr(part(model), "__class__", ours)


def all_dropping(model: Transformer) -> None:
    for module in model.modules():
        if isinstance(module, Dropout):
            module.__class__ = DropsOutAlways


def not_a_number(model: Transformer) -> None:
    """Set one weight to NaN, as after diverged training."""
    with torch.no_grad():
        model.decoder.blocks[-1].mixer.value.weight[0, 0] = float("nan")


def call_scalar(model: Transformer, ids: Tensor, mask: Tensor | None) -> Tensor:
    """Return logits of words for a predicted value, by distance: ``−(ŷ − v)²``."""
    read = tokens(ids, mask)
    values = torch.arange(VOCABULARY)
    said = model(Tokens(ids.to(next(model.parameters()).dtype), read.at))[0].logits  # [b t 1]
    return -((said - values) ** 2)


SCALAR = TransformerSpec(
    width=1,
    embedding=ScalarEmbedding(),
    decoder=StackSpec(
        BlockSpec(FeedForwardSpec(inner=8), AttentionSpec(mask=CausalMask())), position=SinusoidalPosition()
    ),
    head=VectorHead(),
)
ONE_WIDE = vary(BOTH, {"width": 1, "encoder.blocks.mixer.heads": 1, "decoder.blocks.mixer.heads": 1})
ONE_WIDE = vary(ONE_WIDE, {"decoder.blocks.cross.heads": 1})
UNMASKED = vary(DECODER, {"decoder.blocks.mixer.mask": NoMask()})
UNMASKED_BOTH = vary(BOTH, {"decoder.blocks.mixer.mask": NoMask()})
SHORT = vary(DECODER, {"decoder.position": LearnedPosition(length=12)})
UNPLACED = vary(ENCODER, {"decoder.position": NoPosition()})
UNPLACED_SOURCE = vary(BOTH, {"encoder.position": NoPosition()})
PADDING_READ = {"padding": OrdinaryPadding()}
CAREFUL = {"promised": {"padding_side": "right"}}

CASES: tuple[Case, ...] = (
    case("native-decoder/unmasked", "future-leak", subject(UNMASKED, kind="decoder")),
    case("native-decoder/unmasked-last-layer", "future-leak", subject(DECODER, last_mask(NoMask()))),
    case("native-decoder/one-too-far-from-12", "future-leak", subject(DECODER, last_mask(OneTooFarFrom(12)))),
    case("native-decoder/too-few-places", "position-overflow", subject(SHORT, promised={"max_length": 24})),
    case("native-decoder/cached-places-start-anew", "cache-mismatch", subject(DECODER, step=step_anew)),
    case("native-decoder/drops-out-always", "eval-nondeterministic", subject(DECODER, all_dropping)),
    case("native-decoder/not-a-number", "nan", subject(DECODER, not_a_number)),
    case("native-decoder/turns-round", "stateful", subject(DECODER, become(Counting, lambda model: model.decoder))),
    case(
        "native-decoder/normed-over-batch",
        "batch-mixing",
        subject(DECODER, lambda model: setattr(model.decoder, "norm", NormedOverBatch()), **CAREFUL),
    ),
    case("native-scalar/one-wide", "mean-collapse", subject(SCALAR, call=call_scalar, step=None, loss=None)),
    case("native-encoder/unplaced", "order-blind", subject(UNPLACED), "positions-ineffective"),
    case("native-encoder/padding-read", "padding-leak", subject(vary(ENCODER, PADDING_READ), **CAREFUL)),
    case(
        "native-encoder/faint-waves",
        "positions-ineffective",
        subject(ENCODER, become(FaintWaves, lambda model: model.decoder.position)),
        "order-blind",
    ),
    case("native-both/unmasked", "future-leak", subject(UNMASKED_BOTH)),
    case("native-both/one-too-far-from-5", "future-leak", subject(BOTH, last_mask(OneTooFarFrom(5)))),
    case(
        "native-both/source-padding-heard",
        "cross-padding-leak",
        subject(BOTH, become(PaddingAttended, lambda model: model.decoder.blocks[-1].cross)),
        "padding-leak",
    ),
    case(
        "native-both/padding-read", "padding-leak", subject(vary(BOTH, PADDING_READ), **CAREFUL), "cross-padding-leak"
    ),
    case(
        "native-both/source-unread", "source-ignored", subject(BOTH, become(SourceUnread, lambda model: model.decoder))
    ),
    case(
        "native-both/source-detached",
        "untrained-part",
        subject(BOTH, become(SourceDetached, lambda model: model.decoder)),
    ),
    case("native-both/source-unplaced", "order-blind", subject(UNPLACED_SOURCE), "positions-ineffective"),
    case("native-both/one-wide", "mean-collapse", subject(ONE_WIDE), "source-ignored"),
    case("native-both/copying-loss", "target-shift", subject(BOTH, loss=copying_loss)),
)
