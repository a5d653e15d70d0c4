"""Everything that is chosen before training starts, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec, leaves, vary
from seqwright.nn.transformer import TransformerSpec
from seqwright.tasks.batching import BatchingSpec
from seqwright.tasks.vocabulary import BareSources, SourcesSpec
from seqwright.training.averaging import AveragingSpec, NoAverage
from seqwright.training.loop import TrainingSpec


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
    batching: BatchingSpec
    evaluation: Evaluation
    averaging: AveragingSpec = NoAverage()
    sources: SourcesSpec = BareSources()

    def settings(self) -> dict[str, Any]:
        """Every field under its path, as ``--set`` takes it."""
        return {path: value for path, value in leaves(self).items() if path}

    def edited(self, edits: Sequence[str]) -> Recipe:
        """The recipe with ``path=value`` edits. A value is JSON; a part without fields may go by its name alone.

        Raises:
            SeqwrightError: not of that form, no such path, or a value that does not fit there.
        """
        recipe = self
        for edit in edits:
            path, value = _edit(edit)
            try:
                recipe = vary(recipe, {path: value})
            except SeqwrightError as error:
                raise SeqwrightError(f"--set {edit}: {error.what}", mend=error.mend) from error
        return recipe


def _edit(edit: str) -> tuple[str, Any]:
    path, equals, text = edit.partition("=")
    if not equals or not path:
        raise SeqwrightError(
            f"--set {edit}: there is no value", mend="write --set path=value, as in training.rate=0.001"
        )
    try:
        return path, msgspec.json.decode(text)
    except msgspec.DecodeError:
        return path, {"type": text} if text[:1].isupper() else text
