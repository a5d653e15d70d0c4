"""What a model does with a set of pairs: shown the truth, asked alone, asked among padding, asked out of order."""

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
    """A generated answer: its symbols, whether it is the target, and whether it ended by itself."""

    symbols: tuple[str, ...]
    right: bool
    stopped: bool


@dataclass(frozen=True)
class Behaviour:
    """Everything that was seen of one model on some distinct pairs; signatures are read off this alone.

    Attributes:
        pairs: what was asked.
        padded: answers with all sources side by side, padded to the longest.
        alone: answers to the same sources without any padding.
        forced: whether every next token is right where the truth before it is shown.
        spread: how far the outputs at the same place differ between the inputs, at most; shown the truth.
        reordered: how far an output moves, at most, when a source's symbols change places; ``None`` where no source
            has two symbols.
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
    """Ask a model (in eval mode) for everything that a :class:`Behaviour` records.

    Args:
        model: what to ask.
        coder: how its symbols are written.
        pairs: distinct pairs.
        limit: how many tokens an answer may have.
        padding: whether the model was trained among padding; if not, ``padded`` is what ``alone`` is.
        masked: whether the model masks padding. Then answers alone are answers among padding, by law, and are not asked
            for twice.
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
    """The model's greedy answers to the pairs' sources, in order; without padding, by groups of equal length."""
    found: dict[int, Answer] = {}
    for indices in [list(range(len(pairs)))] if padding else _by_length(pairs, target=False):
        asked = [pairs[index] for index in indices]
        question = coder.question(asked, limit)
        generated = greedy(
            model, question.source, question.first, end=question.end, limit=question.limit, choose=coder.choose
        )
        for index, row, stopped in zip(indices, generated.ids, generated.stopped.tolist(), strict=True):
            symbols = coder.answer(row)
            found[index] = Answer(symbols, coder.right(pairs[index], row), stopped or question.end is None)
    return tuple(found[index] for index in range(len(pairs)))


def _by_length(pairs: Sequence[Pair], *, target: bool) -> Iterator[list[int]]:
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        groups[len(pair.source), len(pair.target) if target else 0].append(index)
    yield from groups.values()


@torch.no_grad()
def _said(model: Model, coder: Coder, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Logits ``[b t v]`` and labels ``[b t]``, the truth being shown."""
    batch = coder.batch(pairs)
    output, _ = model.advance(batch.target, model.start(batch.source))
    return output.logits, batch.labels


def _forced(model: Model, coder: Coder, pairs: Sequence[Pair], padding: bool) -> tuple[bool, ...]:
    found: dict[int, bool] = {}
    for indices in [list(range(len(pairs)))] if padding else _by_length(pairs, target=True):
        right = coder.agrees(*_said(model, coder, [pairs[index] for index in indices])).all(1)
        found |= dict(zip(indices, right.tolist(), strict=True))
    return tuple(found[index] for index in range(len(pairs)))


def _spread(model: Model, coder: Coder, pairs: Sequence[Pair]) -> float:
    """Compared at the places that every target has, among sources and targets of all lengths."""
    shortest = min(len(pair.target) for pair in pairs)
    said = [
        coder.distribution(_said(model, coder, [pairs[index] for index in indices])[0])[:, :shortest]
        for indices in _by_length(pairs, target=True)
    ]
    rows = torch.cat(said)
    return (rows.amax(0) - rows.amin(0)).max().item() if len(rows) > 1 else 0.0


def _reordered(model: Model, coder: Coder, pairs: Sequence[Pair]) -> float | None:
    """Sources of the pairs' own symbols and lengths, and the same read backwards, each before the same target."""
    symbols = sorted({symbol for pair in pairs for symbol in pair.source})
    lengths = sorted({len(pair.source) for pair in pairs} - {1})
    if len(symbols) < 2 or not lengths:
        return None
    moved = 0.0
    for length in lengths:
        target = next(pair.target for pair in pairs if len(pair.source) == length)
        sources = [tuple(symbols[(place // run) % len(symbols)] for place in range(length)) for run in (1, 2, 3)]
        sources += [pair.source for pair in pairs if len(pair.source) == length][:16]
        forwards = [Pair(source, target) for source in sources if source != source[::-1]]
        # a palindrome read backwards is itself; its first two different neighbours change places instead
        swapped = [(Pair(source, target), Pair(_swap(source), target)) for source in sources if len(set(source)) > 1]
        before = [*forwards, *(pair for pair, _ in swapped)]
        after = [*(Pair(pair.source[::-1], target) for pair in forwards), *(pair for _, pair in swapped)]
        if before:
            change = coder.distribution(_said(model, coder, before)[0]) - coder.distribution(
                _said(model, coder, after)[0]
            )
            moved = max(moved, change.abs().max().item())
    return moved


def _swap(source: tuple[str, ...]) -> tuple[str, ...]:
    place = next(index for index in range(len(source) - 1) if source[index] != source[index + 1])
    return (*source[:place], source[place + 1], source[place], *source[place + 2 :])
