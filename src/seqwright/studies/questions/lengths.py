"""The study of lengths: trained up to one length, tested on up to three times that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report import charts
from seqwright.report.formatting import listing, rate, spread
from seqwright.report.page import Figure, Prose, Section
from seqwright.studies.cell import Cell
from seqwright.studies.data import StudyData
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.questions.positions import position_edits
from seqwright.studies.results import Claim
from seqwright.studies.study import Study, cell
from seqwright.studies.table import BEYOND, EXACT_MATCH, CellView, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Reverse, Task

HALF = 0.5
"""The exact match below which a model counts as broken at a length."""


class LengthStudy(Spec, Study):
    """A study of the length at which a model breaks, by kind of position: trained up to one length, tested on up to three times that."""

    name = "lengths"
    question = "At what length does it break?"
    tasks: tuple[Task, ...] = (Copy(), Reverse())
    scale: ModelScale = ModelScale(test=200)
    trained_to: tuple[int, ...] = (4, 8, 16, 32, 64)
    seeds: int = 10

    @classmethod
    def quick(cls) -> LengthStudy:
        return cls(
            tasks=(Copy(symbols=4),), scale=ModelScale(steps=350, train=2000, test=60), trained_to=(4, 8), seeds=3
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(source, kind, edits, rows=rows, base=f"to-{longest}")
            for source in sources
            for longest, rows in self.trainings(source).items()
            for kind, edits in position_edits(rows.max_length).items()
        ]

    def trainings(self, source: TaskSource) -> dict[int, StudyData]:
        """Return the rows of each training by its longest source, but for lengths that the source has no rows of.

        Raises:
            SeqwrightError: it has none of any length.
        """
        made: dict[int, StudyData] = {}
        lacking = None
        for longest in self.trained_to:
            try:
                rows = source.rows(max_length=longest, beyond=further(longest))
            except SeqwrightError as error:
                lacking = error
                continue
            if rows not in made.values():  # else there are none longer than those of the training before
                made[longest] = rows
        if not made and lacking:
            raise lacking
        return made

    def notes(self, sources: Sequence[TaskSource]) -> list[str]:
        notes = []
        for source in sources:
            trained = self.trainings(source)
            lacking = [str(longest) for longest in self.trained_to if longest not in trained]
            if lacking:
                notes.append(f"{source.name} has no rows of its own to train on up to {listing(lacking)} symbols")
        return notes

    def claims(self, table: ResultTable) -> list[Claim]:
        """Return for each cell the first length of which less than half is answered."""
        return [_claim(row) for row in table.rows]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield where each configuration breaks: kinds of position by the length they were trained to."""
        drawn = tuple(_breaking(task, table.where(task=task)) for task in table.tasks)
        yield Section(
            "Where it breaks",
            (
                Prose(
                    "The shortest source of which less than half is answered, median over seeds and its interval; > where all "
                    "tested lengths are answered. Bright: as far beyond training as was tested."
                ),
                Figure(drawn, "Columns: the longest source that was trained on."),
            ),
        )


def _breaking(task: str, rows: Sequence[CellView]) -> charts.Chart:
    squares = []
    for row in rows:
        breaks, longest = MedianInterval.of(breaks_at(row)), _lengths(row)[-1][0]
        ends = f"{_length(breaks.low, longest)} to {_length(breaks.high, longest)}"
        value, text = min(1.0, breaks.median / longest), _length(breaks.median, longest)
        squares.append(charts.Square(row.variant, f"{task}, {row.base}", value, text, ends))
    breaks = "; ".join(f"{square.row} {square.column}: {square.text}" for square in squares)
    return charts.matrix(f"breaks-{task}", f"Where {task} breaks: {breaks}", squares)


def further(longest: int) -> tuple[int, ...]:
    """Return the tested lengths beyond the training's longest: up to twice that, and three times that.

    >>> further(4), further(16)
    ((5, 6, 7, 8, 12), (20, 24, 28, 32, 48))
    """
    quarter = max(1, longest // 4)
    return (*(longest + quarter * step for step in range(1, 5)), 3 * longest)


def _lengths(row: CellView) -> list[tuple[int, str]]:
    """Return the tested lengths with the measure that each belongs to, the shortest first."""
    return sorted((int(exam), measure) for measure in (EXACT_MATCH, BEYOND) for exam in row.groups(measure))


def breaks_at(row: CellView) -> list[float]:
    """Return for each seed the shortest source of which it answers less than :data:`HALF`; ∞ where it answers all."""
    tested = [(length, row.by_seed(measure, str(length))) for length, measure in _lengths(row)]
    return [
        next((float(length) for length, matches in tested if matches[seed] < HALF), inf) for seed in range(row.seeds)
    ]


def _claim(row: CellView) -> Claim:
    breaks, longest = MedianInterval.of(breaks_at(row)), _lengths(row)[-1][0]
    trained = max(int(exam) for exam in row.groups(EXACT_MATCH))
    learnt = breaks.median > trained
    stops = [_length(end, longest) for end in (breaks.median, breaks.low, breaks.high)]
    return Claim(
        claim=f"{row.variant} on {row.task}, trained on sources of up to {trained} symbols",
        measured=f"stops at {stops[0]} [{stops[1]}, {stops[2]}]",
        verdict=("holds" if breaks.low == inf else "breaks") if learnt else "not learnt",
        evidence=f"exact match {spread(row.exact_match, rate)} up to {trained}"
        + (f", {spread(row.beyond, rate)} beyond" if row.beyond else ""),
    )


def _length(length: float, longest: int) -> str:
    return f"> {longest}" if length == inf else f"{length:.0f}"
