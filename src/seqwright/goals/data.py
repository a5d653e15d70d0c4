"""The data of a run, as a goal reads it and training uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqwright.core.model import Model
from seqwright.data.batching import Examples

if TYPE_CHECKING:
    from seqwright.goals.goal import Goal
    from seqwright.goals.recipe import Recipe

HELD_OUT = 0.1
"""The fraction of the data that becomes dev rows where no dev file is given."""

MOST_HELD_OUT = 1000
"""The maximum number of dev rows that are held out."""


@dataclass(frozen=True)
class Measured:
    """An evaluation during training.

    Attributes:
        loss: mean nats a token.
        exact_match: the fraction of dev sources that are answered exactly; ``None`` where the goal has no targets.
        rows: the number of sources that were answered.
    """

    loss: float
    exact_match: float | None
    rows: int


@dataclass(frozen=True)
class Split:
    """Two corpora of the goal's own kind: one to train on, and dev rows that training does not show.

    Attributes:
        train, dev: each has ``where``, ``preprocessing``, ``vocabulary``, ``fingerprint``, ``statistics()``, ``hint()`` and a length.
        held_out: whether the dev rows were taken out of the training file.
    """

    train: Any
    dev: Any
    held_out: bool

    @property
    def fingerprints(self) -> tuple[str, str]:
        """SHA-256 of the training and of the dev rows."""
        return self.train.fingerprint, self.dev.fingerprint


class PreparedData:
    """Everything that a run trains and evaluates on.

    Attributes:
        train: the training rows.
        vocabulary: the symbols and their numbers.
        reading: the preprocessing, with everything that the first line of the file decides.
        summary: a description of the data, a line each, for people to check.
        fingerprints: SHA-256 of the training and of the dev rows.
        limit: the maximum number of tokens of an answer.
    """

    def __init__(self, goal: Goal, recipe: Recipe, split: Split, limit: int | None = None) -> None:
        self.goal, self.recipe, self.split = goal, recipe, split
        self.vocabulary, self.reading = goal.vocabulary(split.train.vocabulary), split.train.preprocessing
        self.train: Examples = goal.train_examples(split.train, self.vocabulary, recipe)
        self.fingerprints = split.fingerprints
        self.limit = limit or goal.limit(recipe, split)
        self.summary = [f"train: {split.train.statistics().summary()}", f"dev: {split.dev.statistics().summary()}"]
        if split.held_out:
            self.summary[1] += " (held out)"
        self.summary += [f"vocabulary: {self.vocabulary.summary}"]
        hint = split.train.hint()
        self.summary += [f"hint: {hint}"] if hint else []
        self.summary += [f"note: {note}" for note in goal.notes(split, self.vocabulary)]

    def evaluate(self, model: Model, rows: int, device: str) -> Measured:
        """Evaluate a model on all dev rows, and generate answers to at most ``rows`` of their sources."""
        return self.goal.evaluate(model, self, rows, device)
