"""BERT from a configuration, trained to predict masked words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, BertLMHeadModel
from transformers.models.bert.modeling_bert import BertEmbeddings, BertSelfAttention

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .huggingface import IGNORED, PLACES, VOCABULARY, become, changed
from .rows import EOS, FIRST, PAD, sentences


def bert(seed: int, kind: type[nn.Module] = BertForMaskedLM, **config: Any) -> Any:
    """Build a small BERT."""
    width = (16, 32)[seed % 2]
    size = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "max_position_embeddings": PLACES}
    return kind(BertConfig(**{**size, **ids, **config}))


def hidden(ids: Tensor) -> Tensor:
    """Return a mask of the words to predict: every third."""
    return (torch.arange(ids.shape[1]) % 3 == 1) & (ids >= FIRST)


def bert_loss(model: BertForMaskedLM, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of masked words, given the others."""
    ids = examples["ids"]
    labels = ids.masked_fill(~hidden(ids), IGNORED)
    return model(ids.masked_fill(hidden(ids), FIRST), attention_mask=ids != PAD, labels=labels).loss


def bert_padding_counted(model: BertForMaskedLM, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which every token is a label, padding too."""
    ids = examples["ids"]
    return model(ids.masked_fill(hidden(ids), FIRST), attention_mask=ids != PAD, labels=ids).loss


class PaddingSeen(BertSelfAttention):
    """Attention without its mask."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        return super().forward(x, attention_mask=None, **others)


class OnlyItself(BertSelfAttention):
    """Attention with the identity in place of the mask."""

    def forward(self, x: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        own = torch.eye(x.shape[1], dtype=torch.bool)[None, None]
        return super().forward(x, attention_mask=own.expand(len(x), 1, -1, -1), **others)


class Inverted(BertForMaskedLM):
    """A model that inverts its mask, 1 at padding."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        mask = None if attention_mask is None else 1 - attention_mask.long()
        return super().forward(input_ids, attention_mask=mask, **others)


class Unplaced(BertEmbeddings):
    """Embeddings with position 0 for every token."""

    def forward(self, input_ids: Tensor, position_ids: Tensor | None = None, **others: Any) -> Tensor:
        return super().forward(input_ids, position_ids=torch.zeros_like(input_ids), **others)


def bert_subject(seed: int, **config: Any) -> Subject:
    """Build a subject, healthy unless configured otherwise."""
    contract = Contract(kind="encoder", vocabulary=VOCABULARY, pad=PAD, max_length=PLACES)
    return Subject(bert(seed, **config), contract, {"loss": bert_loss, "examples": sentences(VOCABULARY, seed)})


def bert_decoder(seed: int) -> Subject:
    """Build a BERT meant to continue sequences, without ``is_decoder=True`` (Hugging Face 48745)."""
    promised = {"pad": PAD, "bos": 1, "eos": EOS, "max_length": PLACES}
    model = bert(seed, BertLMHeadModel)
    return Subject(model, Contract(kind="decoder", vocabulary=VOCABULARY, **promised))


def bert_with_loss(seed: int) -> Subject:
    subject = bert_subject(seed)
    return Subject(subject.model, subject.contract, {**subject.extras, "loss": bert_padding_counted})


def with_own_decoder(model: BertForMaskedLM) -> None:
    predictions = model.cls.predictions
    predictions.decoder.weight = nn.Parameter(predictions.decoder.weight.detach().clone())


CASES: tuple[Case, ...] = (
    case("bert/padding-seen", "padding-leak", changed(bert_subject, lambda model: become(model, PaddingSeen))),
    case(
        "bert/padding-seen-in-last-layer",
        "padding-leak",
        changed(bert_subject, lambda model: become(model, PaddingSeen, only_last=True)),
    ),
    case("bert/only-itself", "past-blocked", changed(bert_subject, lambda model: become(model, OnlyItself))),
    case("bert/padding-inverted", "padding-polarity", changed(bert_subject, lambda model: become(model, Inverted))),
    case(
        "bert/all-at-position-0",
        "order-blind",
        changed(bert_subject, lambda model: become(model, Unplaced)),
        "positions-ineffective",
    ),
    case("bert/too-few-positions", "position-overflow", lambda seed: bert_subject(seed, max_position_embeddings=16)),
    case("bert/continues-without-a-mask", "future-leak", bert_decoder),
    case("bert/padding-counted", "padding-in-loss", bert_with_loss),
    case("bert/decoder-of-its-own", "tied-weights", changed(bert_subject, with_own_decoder)),
)
