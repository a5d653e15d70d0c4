"""What a study asks: which cells to train, and what to read off them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqwright.core.spec import Spec, vary
from seqwright.data.batching import Batching, PaddedBatches
from seqwright.report.page import Section
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.measures import MeasureSpec
from seqwright.studies.scale import ModelScale
from seqwright.studies.task_source import SymbolData, TaskSource
from seqwright.tasks.algorithmic import Task

WHOLE = "whole"
"""The variant that nothing was changed in."""


class StudyResult(Spec, tag=False):
    """All that a study found: what ``--json`` prints and ``results.json`` holds.

    ``seconds`` is the work of all processes added up, so a study that was killed and went on says the same.
    """

    study: str
    seeds: int
    seconds: float
    rows: list[Row]
    effects: list[Effect]
    claims: list[Claim]
    notes: list[str]

    def every_note(self) -> list[str]:
        """Those of the study and those of its rows, each once."""
        return list(dict.fromkeys([*self.notes, *(note for row in self.rows for note in row.notes)]))


@dataclass(frozen=True)
class Study:
    """A question that a study answers, and the base of each of them: what one has nothing to say to, it leaves as it is.

    Attributes:
        quick: whether it has to end within three minutes: fewer tasks and variants.
    """

    name: ClassVar[str]
    quick: bool = False

    @property
    def setting(self) -> ModelScale:
        """How large its models are on tasks."""
        return ModelScale(steps=300, train=2000, test=60) if self.quick else ModelScale()

    @property
    def seeds(self) -> int:
        """How many of each variant."""
        return 3 if self.quick else 10

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What it is asked on where nobody says otherwise."""
        raise NotImplementedError

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        """What to train."""
        raise NotImplementedError

    def notes(self, subjects: Sequence[TaskSource]) -> list[str]:
        """What a reader has to know that no number shows: a part that there is not, a length that cannot be."""
        return []

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        """What changes are worth."""
        return []

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        """Sentences that can be right or wrong, and which they are."""
        return []

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Pictures and tables of its own."""
        yield from ()


def cell(
    subject: TaskSource,
    variant: str,
    edits: Mapping[str, Any] | None = None,
    *,
    rows: SymbolData | None = None,
    base: str = WHOLE,
    training: Mapping[str, Any] | None = None,
    batching: Batching | None = None,
    measures: tuple[MeasureSpec, ...] = (),
) -> Cell:
    """A variant of the whole model on a subject.

    Args:
        subject: on what.
        variant: what tables call it.
        edits: what is changed in the spec.
        rows: what it is trained on and asked, where not the subject's own rows.
        base: the family of variants it belongs to.
        training, batching: what else is changed.
        measures: what is measured beside answers.

    Raises:
        SeqwrightError: an edit does not fit.
    """
    rows, setting = rows or subject.rows(), subject.setting
    return Cell(
        base=base,
        variant=variant,
        spec=vary(setting.spec(rows.vocabulary), edits or {}),
        training=vary(setting.training(rows.vocabulary), training or {}),
        batching=batching or PaddedBatches(rows=setting.batch),
        data=rows,
        padding=True,
        measures=measures,
    )


def found(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Rows by task and variant."""
    return {(row.task, row.variant): row for row in rows}


def tasks_of(rows: Sequence[Row]) -> list[str]:
    """The tasks of some rows, each once, in order."""
    return list(dict.fromkeys(row.task for row in rows))


def variants_of(rows: Sequence[Row]) -> list[str]:
    """Their variants."""
    return list(dict.fromkeys(row.variant for row in rows))
