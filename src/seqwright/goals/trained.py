"""A trained model with everything that its answers need, and one answer as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from seqwright.core.model import Side
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy
from seqwright.goals.goal import Goal
from seqwright.goals.recipe import Recipe


@dataclass(frozen=True)
class Prediction:
    """One answer as text.

    Attributes:
        text: the answer; after a prompt of running text, its continuation.
        score: the number that answers are ranked by; a beam's is normalised by length.
        log_probability: ln p of its symbols and of its end.
        stopped: whether it ended before its limit.
    """

    text: str
    score: float
    log_probability: float
    stopped: bool


@dataclass
class TrainedModel:
    """A trained model and the value of everything that turns prompts into answers.

    Attributes:
        model: in eval mode, on ``device``.
        recipe: the recipe that it was trained by.
        vocabulary: its symbols.
        reading: the preprocessing of its data.
        limit: the maximum number of tokens of an answer, if none is given.
        device: ``cpu`` or ``cuda``.
        unknown: symbols that the vocabulary lacks, and how often they were left out so far.
    """

    model: Any
    recipe: Recipe
    vocabulary: Vocabulary
    reading: Preprocessing
    limit: int
    device: str = "cpu"
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def goal(self) -> Goal:
        """The goal that it was trained for."""
        return self.recipe.goal

    def known(self, symbols: Iterable[str], side: Side = "target") -> tuple[str, ...]:
        """Return the symbols that a side's table has, and count the others in :attr:`unknown`."""
        symbols = tuple(symbols)
        for symbol in self.vocabulary.unknown(symbols, side):
            self.unknown[symbol] = self.unknown.get(symbol, 0) + 1
        return self.vocabulary.known(symbols, side)

    def hypotheses(
        self,
        prompts: Iterable[tuple[str, ...] | None],
        decoding: Decoding | None = None,
        *,
        generator: torch.Generator | None = None,
        limit: int | None = None,
        window: int = 4096,
    ) -> Iterator[list[Any]]:
        """Yield each prompt's :class:`Hypothesis` list, best first; after ``None``, all prompts before it are answered first."""
        known = (None if prompt is None else self.goal.known_prompt(self, prompt) for prompt in prompts)
        return self.goal.generate(
            self, known, decoding or Greedy(), generator=generator, limit=limit or self.limit, window=window
        )

    def best(self, prompts: Iterable[tuple[str, ...]], decoding: Decoding | None = None) -> Iterator[tuple[str, ...]]:
        """Yield the symbols of the best answer to each prompt."""
        for found in self.hypotheses(prompts, decoding):
            yield self.vocabulary.decode(found[0].ids)
