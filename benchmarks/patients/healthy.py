"""Healthy models that look faulty, and every base without a fault: no check may fail on them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.core.spec import vary
from seqwright.doctor.contract import Contract
from seqwright.doctor.visibility import Prefix, Window
from seqwright.nn.position_embedding import LearnedPosition
from seqwright.nn.relative_position import ALiBiPosition, T5RelativePosition

from . import bert, gpt2, native, recurrent, t5, torch_encoder, torch_transformer
from .case import Case, Subject, case
from .gpt import GPT, Size, contract_of, gpt, size_of, step
from .gpt_losses import OwnHead, loss, trained
from .gpt_masks import RIGHT, Experts, with_attention, with_experts
from .gpt_places import Distant, Unplaced, WindowedGPT
from .huggingface import changed
from .odd import (
    PREFIX,
    AdaptedGPT,
    Averages,
    BatchNormedGPT,
    BucketedGPT,
    Capped,
    Convolutions,
    FrozenEmbedding,
    Fused,
    GatedGPT,
    Linear,
    PrefixSeen,
    RotatedGPT,
    SharedLayers,
    SilentHead,
    Sink,
    StrictlyPast,
    UnitQueries,
)
from .rows import PAD, next_word_loss, sentences


def convolutions(seed: int) -> Subject:
    """Build a model without a mask: padding on the right has no effect."""
    return Subject(Convolutions(), Contract(kind="decoder", vocabulary=28, pad=PAD))


def averages(seed: int) -> Subject:
    """Build a state space with a decay for each feature; padding on the left adds nothing to the state."""
    return Subject(Averages(), Contract(kind="decoder", vocabulary=28, pad=PAD, padding_side="both"))


def twelve_more(model: nn.Module, source: Tensor) -> Tensor:
    """Generate twelve tokens greedily; these sequences have no end."""
    ids = source
    with torch.no_grad():
        for _ in range(12):
            ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    return ids


def without_ends(seed: int) -> Subject:
    """Build a subject for sequences of a fixed length without end or padding, such as music."""
    size = size_of(seed)
    examples = {"ids": torch.randint(3, size.vocabulary, (6, 10))}
    extras = {"step": step, "loss": whole_loss, "generate": twelve_more, "examples": examples}
    return Subject(GPT(size), Contract(kind="decoder", vocabulary=size.vocabulary, max_length=size.longest), extras)


def whole_loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it; nothing is padding, and id 0 is a word."""
    return next_word_loss(model(examples["ids"]), examples["ids"], ignored=-100)


def summed_loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that is a sum over tokens instead of their mean."""
    return loss(model, examples) * (examples["ids"][:, 1:] != PAD).sum()


def answers_loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a fine-tuning loss, without labels for the first two words, which are the prompt."""
    ids = examples["ids"]
    labels = ids.clone()
    labels[:, :3] = PAD
    return next_word_loss(model(ids, ids != PAD), labels)


def smoothed_loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with label smoothing that excludes padding."""
    ids = examples["ids"]
    logits = model(ids, ids != PAD)[:, :-1].flatten(0, 1)
    return F.cross_entropy(logits, ids[:, 1:].flatten(), ignore_index=PAD, label_smoothing=0.1)


def in_training(seed: int) -> Subject:
    """Build a model left in train mode, with dropout of one half."""
    size = Size(**{**size_of(seed).__dict__, "dropout": 0.5})
    examples = sentences(size.vocabulary, seed)
    return Subject(with_attention(Fused)(size).train(), contract_of(size), {"loss": loss, "examples": examples})


def batch_normed(seed: int) -> Subject:
    """Build a model with BatchNorm, whose rows mix in train mode and not in eval mode."""
    size = size_of(seed)
    examples = sentences(size.vocabulary, seed)
    model = trained(BatchNormedGPT(size), examples, loss, steps=10)
    return Subject(model, contract_of(size), {"step": step, "examples": examples})


def in_double(seed: int) -> Subject:
    """Build a GPT in double precision."""
    size = size_of(seed)
    return Subject(GPT(size).double(), contract_of(size), {"step": step})


def relative(position: Any) -> Any:
    """Return a builder of one of our decoders with another kind of position."""
    return native.subject(vary(native.DECODER, {"decoder.position": position}))


class Summed(recurrent.Listener):
    """An encoder-decoder without attention: the source is one vector."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        del self.ask, self.offer, self.score

    def listen(self, state: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        return torch.zeros_like(memory[:, 0])


class GRU(recurrent.Recurrent):
    cell = nn.GRU


BASES = (
    gpt("healthy", None),
    case("gpt2/healthy", None, gpt2.gpt2_subject),
    case("gpt2/eager", None, changed(gpt2.gpt2_subject, lambda m: m.set_attn_implementation("eager"))),
    case("bert/healthy", None, bert.bert_subject),
    case("t5/healthy", None, t5.t5_subject),
    case("translator/healthy", None, torch_transformer.translator()),
    case("continuer/healthy", None, torch_encoder.continuer()),
    case("native-decoder/healthy", None, native.subject(native.DECODER)),
    case("native-encoder/healthy", None, native.subject(native.ENCODER)),
    case("native-both/healthy", None, native.subject(native.BOTH)),
    case("lstm/healthy", None, recurrent.recurrent()),
    case("listener/healthy", None, recurrent.listener()),
)

ODD = (
    gpt(
        "prefix", None, PrefixSeen, contract={"visibility": Prefix(PREFIX), "padding_side": "right"}, without=("step",)
    ),
    gpt("deep-without-places", None, Unplaced, size={"layers": 4}),
    gpt("distances", None, Distant),
    gpt("buckets", None, BucketedGPT),
    gpt("rotated-by-a-constant-more", None, RotatedGPT),
    gpt("window", None, WindowedGPT, contract={"visibility": Window(4, layers=2)}, size={"layers": 2}),
    gpt("window-unsaid", None, WindowedGPT),
    gpt("strictly-past", None, StrictlyPast),
    gpt("linear-attention", None, with_attention(Linear)),
    gpt("fused-attention", None, with_attention(Fused)),
    gpt("normalised-queries", None, with_attention(UnitQueries)),
    gpt("attention-sink", None, with_attention(Sink)),
    gpt("first-come-experts", None, with_experts(Experts), without=("step",), **RIGHT),
    gpt("zero-head", None, SilentHead),
    gpt("zero-gates", None, GatedGPT),
    gpt("shared-layers", None, SharedLayers, size={"layers": 3}),
    gpt("adapters-on-frozen-layers", None, AdaptedGPT),
    gpt("frozen-embedding", None, FrozenEmbedding),
    gpt("capped-logits", None, Capped),
    gpt("untied", None, OwnHead),
    gpt("summed-loss", None, loss=summed_loss),
    gpt("loss-on-answers", None, loss=answers_loss),
    gpt("smoothed-loss", None, loss=smoothed_loss),
    case("gpt/left-in-training", None, in_training),
    case("gpt/batch-norm", None, batch_normed),
    case("gpt/double", None, in_double),
    case("gpt/without-ends", None, without_ends),
    case("convolutions/causal", None, convolutions),
    case("averages/decaying", None, averages),
    case("native-decoder/alibi", None, relative(ALiBiPosition())),
    case("native-decoder/t5-bias", None, relative(T5RelativePosition())),
    case(
        "native-decoder/learned-places",
        None,
        native.subject(
            vary(native.DECODER, {"decoder.position": LearnedPosition(length=24)}), promised={"max_length": 24}
        ),
    ),
    case("lstm/gru", None, recurrent.recurrent(GRU)),
    case("lstm/learned-to-end", None, recurrent.counter(loss)),
    case("listener/one-vector", None, recurrent.listener(Summed)),
)

CASES: tuple[Case, ...] = BASES + ODD
