"""The recipe of a run: every choice that is made before training starts, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from seqwright.core.edits import edited
from seqwright.core.model import ModelSpec
from seqwright.core.spec import Count, Spec, leaves
from seqwright.data.batching import Batching
from seqwright.goals.goal import Goal
from seqwright.training.averaging import Averaging, NoAverage
from seqwright.training.trainer import TrainingSpec


class Evaluation(Spec):
    """When dev rows are evaluated during training, and when that ends training.

    Attributes:
        every: steps between evaluations.
        by: the criterion for the weights that are kept: the latest whose exact match lies within a standard error of the
            highest, or those of the lowest loss.
        patience: evaluations in a row without kept weights before training stops.
        rows: the maximum number of dev sources that are answered by generation; the loss is of all rows.
    """

    every: Count
    by: Literal["exact_match", "loss"] = "exact_match"
    patience: Count = 10
    rows: Count = 1000

    @property
    def description(self) -> str:
        """The criterion for the weights that are kept, in words."""
        if self.by == "loss":
            return "the weights of the lowest dev loss"
        return "the latest weights whose dev exact match is within a standard error of the highest"


class Recipe(Spec):
    """A goal, a model and its training; ``--set`` changes every field by its dotted path."""

    goal: Goal
    model: ModelSpec
    training: TrainingSpec
    batching: Batching
    evaluation: Evaluation
    averaging: Averaging = NoAverage()

    def settings(self) -> dict[str, Any]:
        """Return every field by its path, as ``--set`` takes it."""
        return {path: value for path, value in leaves(self).items() if path}

    def edited(self, edits: Sequence[str]) -> Recipe:
        """Apply ``path=value`` edits. A value is JSON; a part without required fields may be given by its name alone.

        Raises:
            SeqwrightError: an edit is malformed, its path does not exist, or its value does not fit there.
        """
        return edited(self, edits)
