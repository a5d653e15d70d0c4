"""The behaviour of a model on some pairs: with teacher forcing, alone, with padding, and with reordered sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.core.model import Model
from seqwright.data.batch import Coder, Pair
from seqwright.decoding.greedy import greedy


@dataclass(frozen=True)
class Answer:
    """A generated answer: its symbols, whether it is the target, and whether END was generated."""

    symbols: tuple[str, ...]
    correct: bool
    stopped: bool


@dataclass(frozen=True)
class Behaviour:
    """Observations of one model on some distinct pairs, from which signatures are determined.

    Attributes:
        pairs: the pairs.
        padded: answers to all sources in one batch, padded to the longest.
        alone: answers to the same sources without any padding.
        forced: for each pair, whether every next token is correct under teacher forcing.
        spread: the greatest difference between the outputs of two inputs at one position, under teacher forcing.
        reordered: the greatest change of an output when a source's symbols are reordered; ``None`` where no source has two
            symbols.
    """

    pairs: tuple[Pair, ...]
    padded: tuple[Answer, ...]
    alone: tuple[Answer, ...]
    forced: tuple[bool, ...]
    spread: float
    reordered: float | None


def observe(
    model: Model, coder: Coder, pairs: Sequence[Pair], *, limit: int, padding: bool = True, masked: bool = False
) -> Behaviour:
    """Observe a model (in eval mode) on some pairs.

    Args:
        model: the model.
        coder: the encoding of pairs.
        pairs: distinct pairs.
        limit: the greatest number of tokens of an answer.
        padding: whether the model was trained with padding; if not, ``padded`` equals ``alone``.
        masked: whether the model masks padding. Then answers are the same with and without padding, and are generated once.
    """
    alone = answers(model, coder, pairs, limit=limit, padding=padding and masked)
    return Behaviour(
        pairs=tuple(pairs),
        padded=alone if masked or not padding else answers(model, coder, pairs, limit=limit, padding=True),
        alone=alone,
        forced=_forced(model, coder, pairs, padding),
        spread=_spread(model, coder, pairs),
        reordered=_reordered(model, coder, pairs),
    )


def answers(
    model: Model, coder: Coder, pairs: Sequence[Pair], *, limit: int, padding: bool = True
) -> tuple[Answer, ...]:
    """Return the model's greedy answers to the pairs' sources, in order; without padding, in groups of equal length."""
    found: dict[int, Answer] = {}
    for indices in [list(range(len(pairs)))] if padding else _by_length(pairs, target=False):
        prompts = coder.prompts([pairs[index] for index in indices], limit)
        generated = greedy(
            model, prompts.source, prompts.prefix, end=prompts.end, limit=prompts.limit, choose=coder.choose
        )
        for index, row, stopped in zip(indices, generated.ids, generated.stopped.tolist(), strict=True):
            symbols = coder.answer(row)
            found[index] = Answer(symbols, coder.is_correct(pairs[index], row), stopped or prompts.end is None)
    return tuple(found[index] for index in range(len(pairs)))


def _by_length(pairs: Sequence[Pair], *, target: bool) -> Iterator[list[int]]:
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        groups[len(pair.source), len(pair.target) if target else 0].append(index)
    yield from groups.values()


@torch.no_grad()
def _teacher_forced(model: Model, coder: Coder, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Return the logits ``[b t v]`` and labels ``[b t]`` of some pairs."""
    batch = coder.batch(pairs)
    output, _ = model.advance(batch.target, model.start(batch.source))
    return output.logits, batch.labels


def _forced(model: Model, coder: Coder, pairs: Sequence[Pair], padding: bool) -> tuple[bool, ...]:
    found: dict[int, bool] = {}
    for indices in [list(range(len(pairs)))] if padding else _by_length(pairs, target=True):
        correct = coder.correct_tokens(*_teacher_forced(model, coder, [pairs[index] for index in indices])).all(1)
        found |= dict(zip(indices, correct.tolist(), strict=True))
    return tuple(found[index] for index in range(len(pairs)))


def _spread(model: Model, coder: Coder, pairs: Sequence[Pair]) -> float:
    """Compare the outputs at the positions that every target has, over sources and targets of all lengths."""
    shortest = min(len(pair.target) for pair in pairs)
    outputs = [
        coder.distribution(_teacher_forced(model, coder, [pairs[index] for index in indices])[0])[:, :shortest]
        for indices in _by_length(pairs, target=True)
    ]
    rows = torch.cat(outputs)
    return (rows.amax(0) - rows.amin(0)).max().item() if len(rows) > 1 else 0.0


def _reordered(model: Model, coder: Coder, pairs: Sequence[Pair]) -> float | None:
    """Compare sources of the pairs' symbols and lengths with the same sources reversed, each with the same target."""
    symbols = sorted({symbol for pair in pairs for symbol in pair.source})
    lengths = sorted({len(pair.source) for pair in pairs} - {1})
    if len(symbols) < 2 or not lengths:
        return None
    greatest = 0.0
    for length in lengths:
        target = next(pair.target for pair in pairs if len(pair.source) == length)
        sources = [tuple(symbols[(index // run) % len(symbols)] for index in range(length)) for run in (1, 2, 3)]
        sources += [pair.source for pair in pairs if len(pair.source) == length][:16]
        forwards = [Pair(source, target) for source in sources if source != source[::-1]]
        # a reversed palindrome is itself; its first two different neighbours are swapped instead
        swapped = [(Pair(source, target), Pair(_swap(source), target)) for source in sources if len(set(source)) > 1]
        before = [*forwards, *(pair for pair, _ in swapped)]
        after = [*(Pair(pair.source[::-1], target) for pair in forwards), *(pair for _, pair in swapped)]
        if before:
            change = coder.distribution(_teacher_forced(model, coder, before)[0]) - coder.distribution(
                _teacher_forced(model, coder, after)[0]
            )
            greatest = max(greatest, change.abs().max().item())
    return greatest


def _swap(source: tuple[str, ...]) -> tuple[str, ...]:
    first = next(index for index in range(len(source) - 1) if source[index] != source[index + 1])
    return (*source[:first], source[first + 1], source[first], *source[first + 2 :])
