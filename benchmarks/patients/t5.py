"""T5 from a configuration: it shifts its labels itself and has relative positions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention, T5Stack

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .huggingface import IGNORED, VOCABULARY, become, changed, with_own_head
from .rows import EOS, PAD, pairs


def t5(seed: int, **config: Any) -> T5ForConditionalGeneration:
    """Build a small T5, whose end is 1 and whose beginning is its padding."""
    size = {"d_model": (16, 32)[seed % 2], "d_kv": 8, "d_ff": 32, "num_heads": 2, "num_layers": 2}
    ids = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "eos_token_id": EOS, "decoder_start_token_id": PAD}
    return T5ForConditionalGeneration(T5Config(**{**size, **ids, **config}))


def t5_loss(model: T5ForConditionalGeneration, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss with the target without its beginning as labels; the model shifts them."""
    source, target = examples["source"], examples["target"]
    labels = target.masked_fill(target == PAD, IGNORED)
    return model(source, attention_mask=source != PAD, labels=labels).loss


def t5_not_shifted(model: T5ForConditionalGeneration, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are the decoder's input."""
    source, target = examples["source"], examples["target"]
    labels = target.masked_fill(target == PAD, IGNORED)
    return model(source, attention_mask=source != PAD, decoder_input_ids=target, labels=labels).loss


def t5_padding_counted(model: T5ForConditionalGeneration, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with ``labels=target``, padding included."""
    source = examples["source"]
    return model(source, attention_mask=source != PAD, labels=examples["target"]).loss


class SourcePaddingSeen(T5Stack):
    """A decoder without the source's mask."""

    def forward(self, input_ids: Tensor | None = None, encoder_attention_mask: Any = None, **others: Any) -> Any:
        return super().forward(input_ids, encoder_attention_mask=None, **others)


class SourceLost(T5Stack):
    """A decoder that receives zeros as the source (as Hugging Face PR 4680)."""

    def forward(self, input_ids: Tensor | None = None, encoder_hidden_states: Any = None, **others: Any) -> Any:
        silence = torch.zeros_like(encoder_hidden_states)
        return super().forward(input_ids, encoder_hidden_states=silence, **others)


class NoDistances(T5Attention):
    """Attention without its relative bias."""

    def compute_bias(self, *sizes: Any, **others: Any) -> Tensor:
        return torch.zeros_like(super().compute_bias(*sizes, **others))


def t5_subject(seed: int, **extras: Any) -> Subject:
    """Build a healthy subject; its examples' targets have no beginning, as in Hugging Face's labels."""
    contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, eos=EOS)
    examples = pairs(VOCABULARY, seed)
    examples["target"] = examples["target"][:, 1:].contiguous()
    return Subject(t5(seed), contract, {"loss": t5_loss, "examples": examples, **extras})


def decoder_not_causal(model: T5ForConditionalGeneration) -> None:
    """Make the decoder's first layer non-causal."""
    model.decoder.block[0].layer[0].SelfAttention.is_causal = False


def decoder_becomes(ours: type[nn.Module]) -> Callable[[int], Subject]:
    """Return a builder of subjects whose decoder is of another class."""
    return changed(t5_subject, lambda model: setattr(model.decoder, "__class__", ours))


CASES: tuple[Case, ...] = (
    case("t5/decoder-not-causal", "future-leak", changed(t5_subject, decoder_not_causal)),
    case("t5/source-padding-seen", "cross-padding-leak", decoder_becomes(SourcePaddingSeen), "padding-leak"),
    case("t5/source-lost", "source-ignored", decoder_becomes(SourceLost)),
    case(
        "t5/no-distances",
        "order-blind",
        changed(t5_subject, lambda model: become(model, NoDistances)),
        "positions-ineffective",
    ),
    case("t5/head-of-its-own", "tied-weights", changed(t5_subject, with_own_head)),
    case("t5/not-shifted", "target-shift", lambda seed: t5_subject(seed, loss=t5_not_shifted)),
    case("t5/padding-counted", "padding-in-loss", lambda seed: t5_subject(seed, loss=t5_padding_counted)),
)
