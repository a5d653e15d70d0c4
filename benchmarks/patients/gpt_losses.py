"""Faults of the GPT in its loss, its examples and its trained weights."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import Case, Subject, case
from .gpt import GPT, contract_of, generate, gpt, loss, size_of, step
from .rows import EOS, PAD, counting, next_word_loss, sentences


def shifted_twice(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose labels are shifted a second time (Hugging Face 47394)."""
    ids = examples["ids"]
    labels = F.pad(ids[:, 1:], (0, 1), value=PAD)
    return next_word_loss(model(ids, ids != PAD), labels)


def not_shifted(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which each token is its own label (Hugging Face 27517)."""
    ids = examples["ids"]
    return F.cross_entropy(model(ids, ids != PAD).flatten(0, 1), ids.flatten(), ignore_index=PAD)


def padding_counted(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss without ``ignore_index``."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != PAD), ids, ignored=-100)


def padding_counted_in_the_mean(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss whose label smoothing includes ignored tokens (as PyTorch 73205)."""
    ids = examples["ids"]
    spread = -model(ids, ids != PAD)[:, :-1].log_softmax(-1).mean(-1)  # [b t]
    return 0.9 * loss(model, examples) + 0.1 * spread.mean()


def ends_ignored(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that ignores the end's id."""
    ids = examples["ids"]
    labels = ids.masked_fill(ids == PAD, EOS)
    return next_word_loss(model(ids, ids != PAD), labels, ignored=EOS)


def padded_with_ends(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that ignores padding, which has the end's id (Hugging Face 23530)."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != EOS), ids, ignored=EOS)


def ends_as_padding(seed: int) -> Subject:
    """Build a subject with one id for the end and for padding, which the loss ignores."""
    size = size_of(seed)
    examples = sentences(size.vocabulary, seed, pad=EOS)
    return Subject(GPT(size), contract_of(size, pad=EOS), {"loss": padded_with_ends, "examples": examples})


def examples_without_ends(seed: int) -> Subject:
    """Build a subject whose examples have no ends, as after truncation."""
    size = size_of(seed)
    examples = sentences(size.vocabulary, seed, ended=False)
    return Subject(GPT(size), contract_of(size), {"loss": loss, "examples": examples})


class OwnHead(GPT):
    """A head of its own, with a bias."""

    tied = False


def collapsed(seed: int) -> Subject:
    """Build a model that predicts the words' frequencies whatever its input."""
    size = size_of(seed)
    model, examples = OwnHead(size), sentences(size.vocabulary, seed)
    frequency = torch.bincount(examples["ids"][examples["ids"] != PAD], minlength=size.vocabulary) + 0.1
    with torch.no_grad():
        model.head.weight.mul_(1e-7)
        model.head.bias.copy_(frequency.log() - frequency.sum().log())
    return Subject(model.eval(), contract_of(size), {"step": step, "loss": loss, "examples": examples})


def trained(model: nn.Module, examples: dict[str, Tensor], objective: Any, steps: int = 60) -> nn.Module:
    """Train a model for a second."""
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.0)
    model.train()
    for _ in range(steps):
        optimiser.zero_grad()
        objective(model, examples).backward()
        optimiser.step()
    return model.eval()


def endless(seed: int) -> Subject:
    """Train a model to count without END as a label."""
    size = size_of(seed)
    examples = counting(size.vocabulary, seed)
    model = trained(GPT(size), examples, ends_ignored)
    return Subject(model, contract_of(size), {"loss": loss, "generate": generate, "examples": examples})


def forbidden(seed: int) -> Subject:
    """Build a model whose bias for END is so low that it is never generated."""
    size = size_of(seed)
    model = OwnHead(size)
    with torch.no_grad():
        model.head.bias[EOS] = -15
    examples = sentences(size.vocabulary, seed)
    return Subject(model.eval(), contract_of(size), {"loss": loss, "generate": generate, "examples": examples})


CASES: tuple[Case, ...] = (
    gpt("shifted-twice", "target-shift", loss=shifted_twice),
    gpt("not-shifted", "target-shift", loss=not_shifted),
    gpt("padding-counted", "padding-in-loss", loss=padding_counted),
    gpt("padding-counted-in-the-mean", "padding-in-loss", loss=padding_counted_in_the_mean),
    gpt("ends-ignored", "labels-without-eos", loss=ends_ignored),
    case("gpt/padded-with-ends", "labels-without-eos", ends_as_padding),
    case("gpt/examples-without-ends", "labels-without-eos", examples_without_ends),
    case("gpt/collapsed-to-frequencies", "mean-collapse", collapsed),
    case("gpt/never-told-to-end", "never-stops", endless),
    case("gpt/end-forbidden", "never-stops", forbidden, "init-loss"),
)
