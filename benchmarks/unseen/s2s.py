"""A translator of ``nn.TransformerEncoder`` and ``Decoder``, time first, re-initialised after copying; 50 words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import (
    Build,
    call_translator,
    cross_entropy,
    pairs,
    translated,
    translation_loss,
    translation_loss_without_ends,
)

VOCABULARY = 50
Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]


class Places(nn.Module):
    """Sines and cosines, added to ``[t b d]``."""

    def __init__(self, width: int, bug: str, longest: int = 64) -> None:
        super().__init__()
        self.bug = bug
        angle = torch.arange(longest).float()[:, None] * torch.exp(
            torch.arange(0, width, 2).float() * -math.log(1e4) / width
        )
        table = torch.zeros(longest, width)
        if bug != "pe-never-filled":
            table[:, 0::2], table[:, 1::2] = angle.sin(), angle.cos()
        self.register_buffer("table", table[:, None])

    def forward(self, x: Tensor) -> Tensor:
        if self.bug == "pe-unused-in-encoder":
            return x
        if self.bug == "pe-along-batch":
            return x + self.table[: x.shape[1], 0][None]
        table = self.table[: len(x)]
        return x + (1e-5 * table if self.bug == "pe-1e-5" else table)


class Translator(nn.Module):
    """Embeddings, positions, encoder, decoder and head; masks are added to scores."""

    def __init__(self, bug: str, *, width: int = 36, heads: int = 4, layers: int = 2, norm_first: bool = False) -> None:
        super().__init__()
        self.bug, self.width = bug, width
        self.source, self.target = nn.Embedding(VOCABULARY, width), nn.Embedding(VOCABULARY, width)
        self.source_places = Places(width, bug)
        only_source = bug in ("pe-unused-in-encoder", "pe-never-filled")
        self.target_places = Places(width, "" if only_source else bug)
        options: dict[str, Any] = {"dropout": 0.1, "norm_first": norm_first}
        encoder = nn.TransformerEncoderLayer(width, heads, 2 * width, **options)
        self.encoder = nn.TransformerEncoder(encoder, layers, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, heads, 2 * width, **options), layers)
        self.head = nn.Linear(width, VOCABULARY)
        if bug != "copies":
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    nn.init.xavier_uniform_(parameter)

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        memory = self.encode(source, source_real)
        x = self.target_places(self.target(target.t()) * self.width**0.5)
        unheard = self.unheard(source_real, target_real)
        if self.bug == "memory-zeroed":
            memory = memory * 0
        if self.bug == "memory-is-target":
            memory, unheard = x, None
        length = source.shape[1] if self.bug == "mask-source-length" else target.shape[1]
        masks = {
            "tgt_mask": self.ahead(length, x.dtype),
            "tgt_key_padding_mask": added(~target_real, x.dtype),
            "memory_key_padding_mask": None if unheard is None else added(unheard, x.dtype),
        }
        if self.bug == "last-layer-unmasked":
            for layer in self.decoder.layers[:-1]:
                x = layer(x, memory, **masks)
            x = self.decoder.layers[-1](x, memory, **{**masks, "tgt_mask": None})
        else:
            x = self.decoder(x, memory, **masks)
        if self.bug == "target-bag-added":
            x = x + self.target(target.t()).mean(0, keepdim=True)
        return self.head(x).transpose(0, 1)

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        """Return the source's vectors: ``[s b d]``."""
        columns = source.reshape(source.shape[::-1]) if self.bug == "view-for-t" else source.t()
        x = self.source_places(self.source(columns) * self.width**0.5)
        unread = source_real if self.bug == "polarity" else ~source_real
        if self.bug == "encoder-reads-padding":
            unread = None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.bug != "encoder-no-grad"):
            return self.encoder(x, src_key_padding_mask=unread)

    def unheard(self, source_real: Tensor, target_real: Tensor) -> Tensor | None:
        """Return a mask of the source's tokens that the decoder may not attend to."""
        if self.bug == "memory-mask-missing":
            return None
        if self.bug == "target-mask-in-cross":
            length = source_real.shape[1]
            unheard = (~target_real)[:, :length]
            return F.pad(unheard, (0, length - unheard.shape[1]))
        return ~source_real

    def ahead(self, length: int, dtype: torch.dtype) -> Tensor:
        """Return the term for the scores of later tokens: −∞, or a mask of ones that PyTorch adds."""
        fill = 1.0 if self.bug == "mask-of-ones" else float("-inf")
        return torch.triu(torch.full((length, length), fill), 1).to(dtype)


def added(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """Return −∞ where attention is forbidden."""
    return torch.zeros_like(hidden, dtype=dtype).masked_fill(hidden, float("-inf"))


def loss_unshifted(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which each target token is its own label."""
    source, target = examples["source"], examples["target"]
    return cross_entropy(call_translator(model, source, source != PAD, target, target != PAD), target, PAD)


def loss_double_shift(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each target token given those before the last one."""
    logits, labels = translated(model, examples)
    return cross_entropy(logits[:, :-1], labels[:, 1:], PAD)


def loss_smoothing_counts_pad(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that excludes padding, but not from label smoothing."""
    logits, labels = translated(model, examples)
    likely = logits.log_softmax(-1)
    lost, smooth = -likely.gather(-1, labels[..., None])[..., 0], -likely.mean(-1)
    return (0.9 * lost.masked_fill(labels == PAD, 0) + 0.1 * smooth).sum() / (labels != PAD).sum()


def loss_mean_over_all(model: Translator, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose sum excludes padding and whose count does not."""
    logits, labels = translated(model, examples)
    return cross_entropy(logits, labels, PAD, reduction="sum") / labels.numel()


def s2s(bug: str = "", *, loss: Loss | None = None, max_length: int = 40, **size: Any) -> Build:
    """Return a builder of subjects with a bug; with examples where there is a loss."""

    def build(seed: int) -> Subject:
        contract = Contract(
            kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, bos=BOS, eos=EOS, max_length=max_length
        )
        extras: dict[str, Any] = {"call": call_translator}
        if loss is not None:
            extras |= {"loss": loss, "examples": pairs(VOCABULARY, seed)}
        return Subject(Translator(bug, **size), contract, extras)

    return build


SMALL = {"norm_first": True, "layers": 1, "width": 30, "heads": 3}
CASES: tuple[Case, ...] = (
    case("s2s/pe-along-batch", "batch-mixing", s2s("pe-along-batch"), "order-blind"),
    case("s2s/pe-unused-in-encoder", "order-blind", s2s("pe-unused-in-encoder"), "positions-ineffective"),
    case("s2s/pe-never-filled", "order-blind", s2s("pe-never-filled"), "positions-ineffective"),
    case("s2s/pe-1e-5", "positions-ineffective", s2s("pe-1e-5"), "order-blind"),
    case("s2s/view-for-t", "batch-mixing", s2s("view-for-t")),
    case("s2s/polarity", "padding-polarity", s2s("polarity"), "nan", "padding-leak"),
    case("s2s/encoder-reads-padding", "padding-leak", s2s("encoder-reads-padding")),
    case("s2s/memory-mask-missing", "cross-padding-leak", s2s("memory-mask-missing")),
    case("s2s/target-mask-in-cross", "cross-padding-leak", s2s("target-mask-in-cross"), "padding-leak"),
    case("s2s/encoder-no-grad", "untrained-part", s2s("encoder-no-grad")),
    case("s2s/memory-is-target", "source-ignored", s2s("memory-is-target")),
    case("s2s/memory-zeroed", "source-ignored", s2s("memory-zeroed")),
    case("s2s/mask-of-ones", "future-leak", s2s("mask-of-ones")),
    case("s2s/mask-source-length", "call-failed", s2s("mask-source-length")),
    case("s2s/last-layer-unmasked", "future-leak", s2s("last-layer-unmasked", layers=3)),
    case("s2s/target-bag-added", "future-leak", s2s("target-bag-added")),
    case("s2s/copies", "identical-layers", s2s("copies", layers=6)),
    case("s2s/loss-unshifted", "target-shift", s2s(loss=loss_unshifted)),
    case("s2s/loss-double-shift", "target-shift", s2s(loss=loss_double_shift)),
    case("s2s/loss-smoothing-counts-pad", "padding-in-loss", s2s(loss=loss_smoothing_counts_pad)),
    case("s2s/loss-mean-over-all", "padding-in-loss", s2s(loss=loss_mean_over_all)),
    case("s2s/loss-without-eos", "labels-without-eos", s2s(loss=translation_loss_without_ends)),
    case("s2s/healthy", None, s2s(loss=translation_loss)),
    case("s2s/pre-norm-depth-1", None, s2s(loss=translation_loss, **SMALL)),
    case("s2s/left-padded-target-free", None, s2s(max_length=8)),
)
