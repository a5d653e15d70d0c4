"""The protocol of a study: which cells to train, and what to conclude from the table of their results."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import ModelSpec
from seqwright.core.place import Place, kinds
from seqwright.core.spec import vary
from seqwright.data.batching import Batching, PaddedBatches
from seqwright.data.corpus import Corpus
from seqwright.report.page import Page, Section
from seqwright.studies import report
from seqwright.studies.cell import Cell
from seqwright.studies.data import StudyData
from seqwright.studies.effect import Effect
from seqwright.studies.measures import Measure
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.results import Claim, StudyResult
from seqwright.studies.table import WHOLE, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Task


class Study(Place):
    """A study: variants × tasks × seeds that answer one question.

    A study of one's own is a class ``class MyStudy(Spec, Study)`` with a ``name``, a ``question`` and the method ``cells``;
    ``seqwright --import my_study.py study my-name`` runs it. Its fields are its options, which ``--set`` changes.

    Attributes:
        name: the command's name.
        question: the heading of the report, and the command's help.
        tasks: the default tasks.
        scale: the size of models and data on tasks.
        seeds: the default number of seeds.
    """

    __slots__ = ()
    rooms: ClassVar[tuple[str, ...]] = ("seqwright.studies.questions",)
    name: ClassVar[str]
    question: ClassVar[str]
    tasks: tuple[Task, ...] = ()
    scale: ModelScale = ModelScale()
    seeds: int = 10

    @classmethod
    def quick(cls) -> Study:
        """Return the study with fewer variants, tasks and steps: it ends within three minutes on two cores.

        Raises:
            SeqwrightError: it has no such form.
        """
        raise SeqwrightError(f"study {cls.name} has no quick form", fix="leave --quick out")

    def on_file(self, corpus: Corpus, *, quick: bool) -> tuple[ModelScale, int]:
        """Return the scale and the default number of seeds on a file's rows."""
        return ModelScale.of(corpus, quick=quick), self.seeds

    @abstractmethod
    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        """Return the cells to train."""

    def notes(self, sources: Sequence[TaskSource]) -> list[str]:
        """Return notes on what no number shows, such as lengths that a task does not have."""
        return []

    def effects(self, table: ResultTable) -> list[Effect]:
        """Return the effects of parts or changes."""
        return []

    def claims(self, table: ResultTable) -> list[Claim]:
        """Return sentences that can be right or wrong, with verdicts."""
        return []

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield figures and tables of the study's own, beside those of every report."""
        yield from ()

    def result(self, table: ResultTable, seeds: int, sources: Sequence[TaskSource]) -> StudyResult:
        """Return all results, with what is concluded from the table."""
        effects, claims, notes = self.effects(table), self.claims(table), self.notes(sources)
        return StudyResult(study=self.name, seeds=seeds, table=table, effects=effects, claims=claims, notes=notes)

    def page(self, result: StudyResult, command: str) -> Page:
        """Return the report; ``command`` is the command line that makes the study again."""
        return report.page(self.question, result, command, tuple(self.sections(result.table)))


def studies() -> dict[str, type[Study]]:
    """Return every study that has been imported or belongs to the package, by its name.

    Raises:
        SeqwrightError: two studies have the same name.
    """
    found: dict[str, type[Study]] = {}
    for kind in kinds(Study).values():
        other = found.setdefault(kind.name, kind)
        if other is not kind:
            raise SeqwrightError(
                f"two studies are called {kind.name}: {other.__name__} and {kind.__name__}", fix="rename one of the two"
            )
    return found


def cell(
    source: TaskSource,
    variant: str,
    edits: Mapping[str, Any] | None = None,
    *,
    model: ModelSpec | None = None,
    rows: StudyData | None = None,
    base: str = WHOLE,
    training: Mapping[str, Any] | None = None,
    batching: Batching | None = None,
    measures: tuple[Measure, ...] = (),
) -> Cell:
    """Return a cell that trains a variant of a model on a source's rows.

    Args:
        source: the task.
        variant: its name in tables.
        edits: what is changed in the spec.
        model: a model of any family, which is given the rows' vocabulary; by default the scale's whole transformer.
        rows: training and test rows, if not the source's own.
        base: the family of variants it belongs to.
        training, batching: what else is changed.
        measures: what is measured beside answers.

    Raises:
        SeqwrightError: an edit does not fit.
    """
    rows, scale = rows or source.rows(), source.scale
    symbols = rows.vocabulary
    whole: Any = (model or scale.spec(symbols)).with_vocabulary(symbols.source_size, symbols.size, symbols.outputs)
    return Cell(
        base=base,
        variant=variant,
        spec=vary(whole, edits or {}),
        training=vary(scale.training(symbols), training or {}),
        batching=batching or PaddedBatches(rows=scale.batch),
        data=rows,
        padding=True,
        measures=measures,
    )
