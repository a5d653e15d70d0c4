"""Everything that is chosen before training starts, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from seqwright.core.edits import edited
from seqwright.core.spec import Count, Spec, leaves
from seqwright.data.batching import Batching
from seqwright.data.vocabulary import BareSources, SourcesSpec
from seqwright.models.transformer import TransformerSpec
from seqwright.training.averaging import Averaging, NoAverage
from seqwright.training.trainer import TrainingSpec


class Evaluation(Spec):
    """When the model is asked about the dev rows while it trains, and when that ends training.

    Attributes:
        every: steps between evaluations.
        by: whose weights are kept: the latest whose exact match lies within a standard error of the highest, or those of the
            least loss.
        patience: evaluations in a row whose weights are not kept before training stops.
        rows: how many dev rows are answered by generating, at most; the loss is of all.
    """

    every: Count
    by: Literal["exact_match", "loss"] = "exact_match"
    patience: Count = 10
    rows: Count = 1000

    @property
    def keeps(self) -> str:
        """In words, whose weights are kept."""
        if self.by == "loss":
            return "the weights of least dev loss"
        return "the latest weights whose dev exact match is within a standard error of the highest"


class Recipe(Spec):
    """A model and how it is trained; ``--set`` reaches every field by its dotted path."""

    model: TransformerSpec
    training: TrainingSpec
    batching: Batching
    evaluation: Evaluation
    averaging: Averaging = NoAverage()
    sources: SourcesSpec = BareSources()

    def settings(self) -> dict[str, Any]:
        """Every field under its path, as ``--set`` takes it."""
        return {path: value for path, value in leaves(self).items() if path}

    def edited(self, edits: Sequence[str]) -> Recipe:
        """The recipe with ``path=value`` edits. A value is JSON; a part without fields may go by its name alone.

        Raises:
            SeqwrightError: not of that form, no such path, or a value that does not fit there.
        """
        return edited(self, edits)
