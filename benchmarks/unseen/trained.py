"""Small GRUs, trained for seconds: a translator that reverses rows, and a language model that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD, next_word_loss, padded
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqwright.doctor.contract import Contract

from .common import (
    Build,
    call_translator,
    call_unmasked,
    cross_entropy,
    pairs,
    translation_loss,
    translation_loss_without_ends,
    without_ends,
)

WORDS, NUMBERS = 11, 19
Loss = Callable[[Any, dict[str, Tensor]], Tensor]
Generate = Callable[[Any, Tensor], Tensor]


class Backwards(nn.Module):
    """A bidirectional encoder, and a decoder whose outputs attend to it."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(WORDS, width), nn.Embedding(WORDS, width)
        self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.offer, self.head = nn.Linear(2 * width, width), nn.Linear(3 * width, WORDS)

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        lengths = source_real.sum(1)
        packed = pack_padded_sequence(self.source(source), lengths, batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(packed)
        memory, _ = pad_packed_sequence(memory, batch_first=True, total_length=source.shape[1])
        x, _ = self.decoder(self.target(target), last.sum(0, keepdim=True))
        scores = (x @ self.offer(memory).mT).masked_fill(~source_real[:, None], float("-inf"))
        return self.head(torch.cat([x, scores.softmax(-1) @ memory], -1))


class Counter(nn.Module):
    """Embedding, two layers of GRU and a head."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.token = nn.Embedding(NUMBERS, width)
        self.rnn = nn.GRU(width, width, 2, batch_first=True)
        self.head = nn.Linear(width, NUMBERS)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.rnn(self.token(ids))[0])


def fit(model: nn.Module, examples: dict[str, Tensor], objective: Loss, steps: int) -> None:
    """Train on the whole set at each step."""
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        objective(model, examples).backward()
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def generating(
    *, first: int = BOS, other: bool = False, masked: bool = True, picked: int = -1, endless: bool = False
) -> Generate:
    """Generate ten tokens greedily, perhaps with a fault."""

    def generate(model: Backwards, source: Tensor) -> Tensor:
        if other:
            source = source.roll(1, 0)
        ids = torch.full((len(source), 1), first)
        for _ in range(10):
            logits = call_translator(model, source, source != PAD if masked else None, ids, None)[:, picked]
            if endless:
                logits = logits.clone()
                logits[:, EOS] = float("-inf")
            ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], 1)
        return ids

    return generate


def backwards(generate: Generate, objective: Loss = translation_loss, loss: Loss | None = None) -> Build:
    """Return a builder of subjects trained with an objective, with a generate function and perhaps a loss."""

    def build(seed: int) -> Subject:
        model, examples = Backwards(), pairs(WORDS, seed, count=12, longest=6)
        fit(model, examples, objective, 250)
        extras = {"call": call_translator, "generate": generate, "examples": examples}
        contract = Contract(kind="encoder-decoder", vocabulary=WORDS, pad=PAD, bos=BOS, eos=EOS)
        return Subject(model, contract, {**extras, **({"loss": loss} if loss else {})})

    return build


def counting_loss(model: Counter, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each number given those before it."""
    return next_word_loss(model(examples["ids"]), examples["ids"])


def counting_loss_without_ends(model: Counter, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss that ignores ends like padding."""
    ids = examples["ids"]
    return cross_entropy(model(ids)[:, :-1], without_ends(ids[:, 1:]))


def count_on(model: Counter, ids: Tensor) -> Tensor:
    """Generate 24 numbers greedily."""
    for _ in range(24):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    return ids


def count_on_from_the_first(model: Counter, ids: Tensor) -> Tensor:
    """Generate without reading the generated tokens."""
    begun = ids
    for _ in range(24):
        ids = torch.cat([ids, model(begun)[:, -1:].argmax(-1)], 1)
    return ids


def counting(objective: Loss, generate: Generate = count_on, loss: Loss | None = None) -> Build:
    """Return a builder of subjects trained to count with an objective, with a generate function."""

    def build(seed: int) -> Subject:
        model = Counter()
        examples = {"ids": padded([BOS, *range(first, NUMBERS), EOS] for first in range(8, 16))}
        fit(model, examples, objective, 200)
        extras = {"call": call_unmasked, "generate": generate, "examples": examples}
        contract = Contract(kind="decoder", vocabulary=NUMBERS, pad=PAD, bos=BOS, eos=EOS)
        return Subject(model, contract, {**extras, **({"loss": loss} if loss else {})})

    return build


CASES: tuple[Case, ...] = (
    case("trained/begins-with-pad", "teacher-forced-only", backwards(generating(first=PAD))),
    case("trained/begins-with-eos", "teacher-forced-only", backwards(generating(first=EOS))),
    case("trained/other-source", "teacher-forced-only", backwards(generating(other=True))),
    case("trained/source-without-mask", "teacher-forced-only", backwards(generating(masked=False))),
    case("trained/first-output-picked", "teacher-forced-only", backwards(generating(picked=0)), "never-stops"),
    case("trained/bans-end", "never-stops", backwards(generating(endless=True)), "teacher-forced-only"),
    case("trained/never-learnt-end", "never-stops", backwards(generating(), translation_loss_without_ends)),
    case("trained/counts-without-end", "never-stops", counting(counting_loss_without_ends)),
    case("trained/feeds-first-again", "never-stops", counting(counting_loss, count_on_from_the_first)),
    case("trained/healthy", None, backwards(generating(), loss=translation_loss)),
    case("trained/counts", None, counting(counting_loss, loss=counting_loss)),
)
