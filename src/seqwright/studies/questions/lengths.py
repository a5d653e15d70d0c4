"""At what length does it break? Trained up to one length, asked up to several times that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from seqwright.core.errors import SeqwrightError
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report import charts
from seqwright.report.formatting import listing, rate, spread
from seqwright.report.page import Figure, Prose, Section
from seqwright.studies.cell import Cell
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.questions.positions import kinds
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, tasks_of, variants_of
from seqwright.studies.task_source import SymbolData, TaskSource
from seqwright.tasks.algorithmic import Copy, Reverse, Task

HALF = 0.5
"""A model has stopped working at the first length of which it answers less than this."""


class LengthStudy(Study):
    """At what length does it break, with which kind of position?"""

    name = "lengths"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=350, train=2000, test=60) if self.quick else ModelScale(test=200)

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Copy(symbols=4),) if self.quick else (Copy(), Reverse())

    @property
    def trained_to(self) -> tuple[int, ...]:
        """The longest rows of each training."""
        return (4, 8) if self.quick else (4, 8, 16, 32, 64)

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(subject, kind, edits, rows=rows, base=f"to-{longest}")
            for subject in subjects
            for longest, rows in self.trainings(subject).items()
            for kind, edits in kinds(rows.reach).items()
        ]

    def trainings(self, subject: TaskSource) -> dict[int, SymbolData]:
        """The rows of each training by their longest source, but for lengths of which the subject has no rows of their own.

        Raises:
            SeqwrightError: it has none of any.
        """
        made: dict[int, SymbolData] = {}
        lacking = None
        for longest in self.trained_to:
            try:
                rows = subject.rows(longest=longest, beyond=further(longest))
            except SeqwrightError as error:
                lacking = error
                continue
            if rows not in made.values():  # else there are none longer than those of the training before
                made[longest] = rows
        if not made and lacking:
            raise lacking
        return made

    def notes(self, subjects: Sequence[TaskSource]) -> list[str]:
        told = []
        for subject in subjects:
            lacking = [str(longest) for longest in self.trained_to if longest not in self.trainings(subject)]
            if lacking:
                told.append(f"{subject.name} has no rows of its own to train on up to {listing(lacking)} symbols")
        return told

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        """For each row: the first length of which less than half is answered."""
        return [_claim(row) for row in rows]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Where each configuration stops working: kinds of position by the length they were trained to."""
        drawn = tuple(_breaking(task, [row for row in rows if row.task == task]) for task in tasks_of(rows))
        yield Section(
            "Where it breaks",
            (
                Prose(
                    "The shortest source of which less than half is answered, median over seeds and its interval; > where all "
                    "lengths that were asked are answered. Bright: as far beyond training as was asked."
                ),
                Figure(drawn, "Columns: the longest source that was trained on."),
            ),
        )


def _breaking(task: str, rows: Sequence[Row]) -> charts.Chart:
    squares = []
    for row in rows:
        breaks, asked = MedianInterval.of(breaks_at(row)), max(int(exam.exam) for exam in row.exams)
        ends = f"{_told(breaks.low, asked)} to {_told(breaks.high, asked)}"
        told = _told(breaks.median, asked)
        squares.append(charts.Square(row.variant, f"{task}, {row.base}", min(1.0, breaks.median / asked), told, ends))
    says = f"Where {task} breaks: " + "; ".join(f"{square.row} {square.column}: {square.text}" for square in squares)
    return charts.matrix(
        f"breaks-{task}", says, squares, variants_of(rows), list(dict.fromkeys(s.column for s in squares))
    )


def further(longest: int) -> tuple[int, ...]:
    """The lengths that are asked beyond the training's longest: up to twice that, and once three times.

    >>> further(4), further(16)
    ((5, 6, 7, 8, 12), (20, 24, 28, 32, 48))
    """
    quarter = max(1, longest // 4)
    return (*(longest + quarter * step for step in range(1, 5)), 3 * longest)


def breaks_at(row: Row) -> list[float]:
    """For each seed the shortest source of which it answers less than :data:`HALF`; ∞ where it answers all that was asked."""
    by_length = sorted(row.exams, key=lambda exam: int(exam.exam))
    return [
        next((float(exam.exam) for exam in by_length if exam.matches[seed] < HALF), inf)
        for seed in range(len(row.matches))
    ]


def _claim(row: Row) -> Claim:
    breaks, asked = MedianInterval.of(breaks_at(row)), max(int(exam.exam) for exam in row.exams)
    trained = max(int(exam.exam) for exam in row.exams if not exam.beyond)
    learnt = breaks.median > trained
    return Claim(
        claim=f"{row.variant} on {row.task}, trained on sources of up to {trained} symbols",
        measured=f"stops at {_told(breaks.median, asked)} [{_told(breaks.low, asked)}, {_told(breaks.high, asked)}]",
        verdict=("holds" if breaks.low == inf else "breaks") if learnt else "not learnt",
        evidence=f"exact match {spread(row.exact_match, rate)} up to {trained}"
        + (f", {spread(row.beyond, rate)} beyond" if row.beyond else ""),
    )


def _told(length: float, asked: int) -> str:
    return f"> {asked}" if length == inf else f"{length:.0f}"
