"""GPT-2 from a configuration: faults in arguments, in settings, or in a subclass of a part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2Model

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .huggingface import IGNORED, PLACES, VOCABULARY, become, changed, with_own_head
from .rows import EOS, PAD, sentences


def gpt2(seed: int, **config: Any) -> GPT2LMHeadModel:
    """Build a small GPT-2."""
    size = {"n_embd": (16, 32)[seed % 2], "n_layer": 2 + seed % 2, "n_head": 2, "n_positions": PLACES}
    ids = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "bos_token_id": 1, "eos_token_id": EOS}
    return GPT2LMHeadModel(GPT2Config(**{**size, **ids, **config}))


def gpt2_step(model: GPT2LMHeadModel, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take one step with Hugging Face's cache."""
    said = model(ids, cache=past, use_cache=True)
    return said.logits, said.cache


def gpt2_loss(model: GPT2LMHeadModel, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss with the ids as labels, without padding; the model shifts them."""
    ids = examples["ids"]
    return model(ids, attention_mask=ids != PAD, labels=ids.masked_fill(ids == PAD, IGNORED)).loss


def gpt2_shifted_twice(model: GPT2LMHeadModel, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are shifted twice, by the collator and by the model (Hugging Face 47394)."""
    ids = examples["ids"]
    labels = torch.nn.functional.pad(ids[:, 1:], (0, 1), value=PAD)
    return model(ids, attention_mask=ids != PAD, labels=labels.masked_fill(labels == PAD, IGNORED)).loss


def gpt2_padding_counted(model: GPT2LMHeadModel, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss with ``labels=ids``, padding included."""
    ids = examples["ids"]
    return model(ids, attention_mask=ids != PAD, labels=ids).loss


def gpt2_padded_with_ends(model: GPT2LMHeadModel, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of a collator with ``pad_token = eos_token``, which ignores both."""
    ids = examples["ids"]
    return model(ids, attention_mask=ids != EOS, labels=ids.masked_fill(ids == EOS, IGNORED)).loss


def gpt2_step_anew(model: GPT2LMHeadModel, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take a cached step whose positions begin at 0 each time."""
    said = model(ids, cache=past, use_cache=True, position_ids=torch.arange(ids.shape[1])[None])
    return said.logits, said.cache


class AllAtZero(GPT2Model):
    """A model with position 0 for every token."""

    def forward(self, input_ids: Tensor, position_ids: Tensor | None = None, **others: Any) -> Any:
        return super().forward(input_ids, position_ids=torch.zeros_like(input_ids), **others)


class FilledWith20(GPT2Attention):
    """Attention with an additive mask clamped at −20."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        return super().forward(x, attention_mask=attention_mask.clamp_min(-20.0), **others)


class NeverEvaluating(nn.Dropout):
    """Dropout that is active in eval mode, too."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.1)


def gpt2_subject(seed: int, contract: dict[str, Any] | None = None, **extras: Any) -> Subject:
    """Build a healthy subject."""
    promised = {"pad": PAD, "bos": 1, "eos": EOS, "max_length": PLACES, **(contract or {})}
    has = {"step": gpt2_step, "loss": gpt2_loss, "examples": sentences(VOCABULARY, seed), **extras}
    return Subject(gpt2(seed), Contract(kind="decoder", vocabulary=VOCABULARY, **promised), has)


def gpt2_configured(seed: int, **config: Any) -> Subject:
    """Build a subject with an unsuitable configuration."""
    subject = gpt2_subject(seed)
    return Subject(gpt2(seed, **config), subject.contract, subject.extras)


def gpt2_ends_as_padding(seed: int) -> Subject:
    """Build a subject with ``pad_token = eos_token``."""
    examples = sentences(VOCABULARY, seed, pad=EOS)
    return gpt2_subject(seed, {"pad": EOS}, loss=gpt2_padded_with_ends, examples=examples)


def not_causal(model: GPT2LMHeadModel) -> None:
    """Make the last layer non-causal, except where a row is padded and a mask is passed (as Hugging Face 48748)."""
    model.transformer.h[-1].attn.is_causal = False


def filled_with_20(model: GPT2LMHeadModel) -> None:
    model.set_attn_implementation("eager")
    become(model, FilledWith20)


CASES: tuple[Case, ...] = (
    case("gpt2/last-layer-not-causal", "future-leak", changed(gpt2_subject, not_causal)),
    case("gpt2/filled-with-20", "weak-mask-fill", changed(gpt2_subject, filled_with_20), "future-leak"),
    case("gpt2/promises-left-padding", "padding-leak", lambda seed: gpt2_subject(seed, {"padding_side": "both"})),
    case(
        "gpt2/all-at-position-0",
        "positions-ineffective",
        changed(gpt2_subject, lambda model: become(model, AllAtZero)),
    ),
    case("gpt2/cached-positions-start-anew", "cache-mismatch", lambda seed: gpt2_subject(seed, step=gpt2_step_anew)),
    case(
        "gpt2/drops-out-always",
        "eval-nondeterministic",
        changed(gpt2_subject, lambda model: become(model, NeverEvaluating)),
    ),
    case("gpt2/head-of-its-own", "tied-weights", changed(gpt2_subject, with_own_head)),
    case("gpt2/initialised-with-1", "init-loss", lambda seed: gpt2_configured(seed, initializer_range=1.0)),
    case("gpt2/too-few-positions", "position-overflow", lambda seed: gpt2_configured(seed, n_positions=16)),
    case("gpt2/shifted-twice", "target-shift", lambda seed: gpt2_subject(seed, loss=gpt2_shifted_twice)),
    case("gpt2/padding-counted", "padding-in-loss", lambda seed: gpt2_subject(seed, loss=gpt2_padding_counted)),
    case("gpt2/padded-with-ends", "labels-without-eos", gpt2_ends_as_padding),
)
