"""The study of mixtures: tasks mixed in one model, compared with each alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.batch import Pair, spell
from seqwright.data.vocabulary import MarkedSources, Vocabulary
from seqwright.report import charts
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.studies.cell import Cell
from seqwright.studies.data import Exam, StudyData, TaskData
from seqwright.studies.effect import Effect
from seqwright.studies.ladder.rungs import BITS, paper_cells
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.results import Claim
from seqwright.studies.study import Study, cell
from seqwright.studies.table import EXACT_MATCH, CellView, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import (
    AssociativeRecall,
    BucketSort,
    Copy,
    EvenPairs,
    Majority,
    Parity,
    Reverse,
    SelectiveCopy,
    Task,
)
from seqwright.tasks.paper import EIGHT

MIXED, ALONE, OWN = "mixed", "alone", "a model of its own"

LEARNT = 0.9
"""The exact match from which a task counts as learnt."""


@dataclass(frozen=True)
class Mixture:
    """Rows of several tasks, each begun with a symbol that names its task, and one exam a task.

    Attributes:
        parts: the rows of each.
        included: the names of the tasks that are trained on and tested.
        name: the mixture's name in tables.
    """

    parts: tuple[StudyData, ...]
    included: tuple[str, ...]
    name: str

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols of all parts, included or not, so that every model of a study has the same size."""
        symbols = {symbol for part in self.parts for symbol in part.vocabulary.symbols}
        return Vocabulary((*sorted(symbols), *(f"<{part.name}>" for part in self.parts)), marks=MarkedSources())

    @property
    def max_length(self) -> int:
        return 1 + max(part.max_length for part in self.parts)

    def drawn(self) -> TaskData:
        """Draw the rows, those of one task after those of another; batches mix them."""
        drawn = [part.drawn() for part in self.parts if part.name in self.included]
        return TaskData(
            self.name,
            tuple(_named(rows.name, pair) for rows in drawn for pair in rows.train),
            tuple(
                Exam(rows.name, tuple(_named(rows.name, pair) for pair in rows.pairs(beyond=False))) for rows in drawn
            ),
            self.vocabulary,
            tuple(note for rows in drawn for note in rows.notes),
        )


def _named(task: str, pair: Pair) -> Pair:
    return Pair((f"<{task}>", *pair.source), pair.target)


class PerTaskStudy(Spec, Study):
    """A comparison of one model for a mixture of tasks with a model for each of them."""

    name = "per-task"
    question = "Is every task learnt, or only the mean?"
    tasks: tuple[Task, ...] = (
        Copy(),
        Reverse(),
        SelectiveCopy(),
        BucketSort(),
        Majority(),
        EvenPairs(),
        AssociativeRecall(symbols=8),
        Parity(),
    )
    scale: ModelScale = ModelScale(steps=2000, train=2000, test=100)
    with_the_eight: bool = True
    seeds: int = 10

    @classmethod
    def quick(cls) -> PerTaskStudy:
        return cls(
            tasks=(Copy(symbols=4), Reverse(symbols=4), Parity()),
            scale=ModelScale(steps=500, train=1000, test=40, lengths=(2, 6)),
            with_the_eight=False,
            seeds=3,
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        parts = tuple(source.rows() for source in sources)
        everything = tuple(source.name for source in sources)
        if len(set(everything)) < 2:
            raise SeqwrightError("one task alone is no mixture", fix="give --task twice or more")
        mixed = cell(sources[0], MIXED, rows=Mixture(parts, everything, "all-tasks"))
        alone = [cell(one, ALONE, rows=Mixture(parts, (one.name,), one.name)) for one in sources]
        return [mixed, *alone, *(the_eight() if self.with_the_eight else [])]

    def effects(self, table: ResultTable) -> list[Effect]:
        """Return the effect of a model of its own on each task."""
        return [Effect.of(OWN, row, mixed, EXACT_MATCH, row.task) for row, mixed in paired(table)]

    def claims(self, table: ResultTable) -> list[Claim]:
        """Return whether each mixture's every task is learnt, or only its mean."""
        found = []
        for mixed in table.where(variant=MIXED):
            exams = {exam: mixed.interval(EXACT_MATCH, exam) for exam in mixed.groups(EXACT_MATCH)}
            worst = min(exams, key=lambda name: exams[name].median)
            found.append(
                Claim(
                    claim=f"Every task of {mixed.task} is learnt by the one model, not only the mean",
                    measured=f"mean {spread(mixed.exact_match, rate)}; worst, {worst}: {spread(exams[worst], rate)}",
                    verdict="holds" if exams[worst].median >= LEARNT else "breaks",
                    evidence="; ".join(f"{name} {spread(match, rate)}" for name, match in exams.items()),
                )
            )
        return found

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield each task in the mixture beside the same task alone."""
        squares = [
            charts.Square.of(row.task, column, match)
            for row, mixed in paired(table)
            for column, match in ((MIXED, mixed.interval(EXACT_MATCH, row.task)), (ALONE, row.exact_match))
        ]
        title = "Exact match of each task in the mixture and alone"
        figure = Figure((charts.matrix("per-task", title, squares),), f"{title}: medians over seeds.")
        yield Section("Task by task", (figure,))


def paired(table: ResultTable) -> Iterator[tuple[CellView, CellView]]:
    """Yield the cell of each task alone with that of the mixture that it belongs to."""
    for mixed in table.where(variant=MIXED):
        for row in table.where(variant=ALONE, base=mixed.base):
            yield row, mixed


def the_eight() -> list[Cell]:
    """Return the paper's last rung on its eight sequences, and on each of them alone."""
    (paper,) = (one for one in paper_cells() if (one.base, one.variant, one.data.name) == ("padding", "paper", "eight"))

    def on(pairs: Sequence[Pair], name: str, variant: str) -> Cell:
        exams = tuple(Exam(f"{spell(pair.source)}→{spell(pair.target)}", (pair,)) for pair in pairs)
        rows = tuple(pair for pair in pairs for _ in range(EIGHT.copies))
        name = name or exams[0].name
        return replace(paper, base="the-eight", variant=variant, data=TaskData(name, rows, exams, BITS))

    return [on(EIGHT.pairs, "eight", MIXED), *(on((pair,), "", ALONE) for pair in EIGHT.pairs)]
