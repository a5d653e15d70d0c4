"""Is every task learnt, or only the mean? Tasks mixed in one model, against each alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Pair, spell
from seqwright.data.vocabulary import MarkedSources, Vocabulary
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report import charts
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.studies.cell import Cell
from seqwright.studies.data import Exam, TaskData
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.ladder.rungs import BITS, paper_ladder
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell
from seqwright.studies.task_source import SymbolData, TaskSource
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
    """Rows of several tasks, each begun with a symbol that names its task; one exam a task.

    Attributes:
        parts: the rows of each.
        asked: the names of those that are trained on and asked.
        name: what tables call the mixture.
    """

    parts: tuple[SymbolData, ...]
    asked: tuple[str, ...]
    name: str

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols of all parts, whichever are asked, so that every model of a study has the same size."""
        symbols = {symbol for part in self.parts for symbol in part.vocabulary.symbols}
        return Vocabulary((*sorted(symbols), *(f"<{part.name}>" for part in self.parts)), marks=MarkedSources())

    @property
    def reach(self) -> int:
        return 1 + max(part.reach for part in self.parts)

    def drawn(self) -> TaskData:
        """The rows, those of one task after those of another; batches mix them."""
        drawn = [part.drawn() for part in self.parts if part.name in self.asked]
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


class PerTaskStudy(Study):
    """Is every task learnt, or only the mean?"""

    name = "per-task"

    @property
    def setting(self) -> ModelScale:
        if self.quick:
            return ModelScale(steps=500, train=1000, test=40, lengths=(2, 6))
        return ModelScale(steps=2000, train=2000, test=100)

    @property
    def tasks(self) -> tuple[Task, ...]:
        if self.quick:
            return (Copy(symbols=4), Reverse(symbols=4), Parity())
        return (
            Copy(),
            Reverse(),
            SelectiveCopy(),
            BucketSort(),
            Majority(),
            EvenPairs(),
            AssociativeRecall(symbols=8),
            Parity(),
        )

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        parts = tuple(subject.rows() for subject in subjects)
        everything = tuple(subject.name for subject in subjects)
        if len(set(everything)) < 2:
            raise SeqwrightError("one task alone is no mixture", fix="give --task twice or more")
        mixed = cell(subjects[0], MIXED, rows=Mixture(parts, everything, "all-tasks"))
        alone = [cell(one, ALONE, rows=Mixture(parts, (one.name,), one.name)) for one in subjects]
        return [mixed, *alone, *([] if self.quick else the_eight())]

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        """What it is worth to a task to have a model of its own."""
        return [
            Effect.between(OWN, row, MIXED, row.matches, matches, "in training lengths")
            for _, row, matches in paired(rows)
        ]

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        """Whether each mixture's every task is learnt, or only its mean."""
        found = []
        for mixed in (row for row in rows if row.variant == MIXED):
            exams = {exam.exam: MedianInterval.of(exam.matches) for exam in mixed.exams}
            worst = min(exams, key=lambda name: exams[name].median)
            every = exams[worst].median >= LEARNT
            found.append(
                Claim(
                    claim=f"Every task of {mixed.task} is learnt by the one model, not only the mean",
                    measured=f"mean {spread(mixed.exact_match, rate)}; worst, {worst}: {spread(exams[worst], rate)}",
                    verdict="holds" if every else "breaks",
                    evidence="; ".join(f"{name} {spread(match, rate)}" for name, match in exams.items()),
                )
            )
        return found

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Each task in the mixture beside the same task alone."""
        squares, names = [], []
        for name, row, matches in paired(rows):
            names.append(name)
            for column, match in ((MIXED, MedianInterval.of(matches)), (ALONE, row.exact_match)):
                told = f"{rate(match.low)} to {rate(match.high)}"
                squares.append(charts.Square(name, column, match.median, rate(match.median), told))
        says = "Exact match of each task in the mixture and alone"
        figure = Figure(
            (charts.matrix("per-task", says, squares, names, (MIXED, ALONE)),), f"{says}: medians over seeds."
        )
        yield Section("Task by task", (figure,))


def paired(rows: Sequence[Row]) -> Iterator[tuple[str, Row, list[float]]]:
    """Each task's name, its row alone, and what each seed of the mixture that it belongs to answers of it."""
    for mixed in (row for row in rows if row.variant == MIXED):
        of = {exam.exam: exam.matches for exam in mixed.exams}
        for row in rows:
            if row.variant == ALONE and row.base == mixed.base:
                yield row.task, row, of[row.task]


def the_eight() -> list[Cell]:
    """The paper's last rung on its eight sequences, and on each of them alone."""
    (paper,) = (
        one for one in paper_ladder(1).cells if (one.base, one.variant, one.data.name) == ("padding", "paper", "eight")
    )

    def on(pairs: Sequence[Pair], name: str, variant: str) -> Cell:
        exams = tuple(Exam(f"{spell(pair.source)}→{spell(pair.target)}", (pair,)) for pair in pairs)
        rows = tuple(pair for pair in pairs for _ in range(EIGHT.copies))
        name = name or exams[0].name
        return replace(paper, base="the-eight", variant=variant, data=TaskData(name, rows, exams, BITS))

    return [on(EIGHT.pairs, "eight", MIXED), *(on((pair,), "", ALONE) for pair in EIGHT.pairs)]
