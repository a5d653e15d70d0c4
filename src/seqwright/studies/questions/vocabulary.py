"""The study of vocabulary sizes: from 2 to 512 symbols at one width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec, vary
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.results import Claim
from seqwright.studies.study import Study, cell
from seqwright.studies.table import CellView, ResultTable
from seqwright.studies.task_source import DrawnTask, TaskSource
from seqwright.tasks.algorithmic import AssociativeRecall, BucketSort, Copy, Reverse, Task

HALF = 0.5
"""The exact match below which a vocabulary counts as too large."""


class VocabularyStudy(Spec, Study):
    """A study of exact match over the number of symbols, the width being fixed."""

    name = "vocabulary"
    question = "How many symbols can a fixed width distinguish?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), BucketSort(), AssociativeRecall())
    scale: ModelScale = ModelScale(train=8000)
    sizes: tuple[int, ...] = (2, 8, 32, 128, 512)
    seeds: int = 10

    @classmethod
    def quick(cls) -> VocabularyStudy:
        return cls(
            tasks=(Copy(), BucketSort()),
            scale=ModelScale(steps=350, train=2000, test=60, lengths=(2, 6)),
            sizes=(2, 16, 128),
            seeds=3,
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for source in sources:
            if not isinstance(source, DrawnTask) or not hasattr(source.task, "symbols"):
                raise SeqwrightError(
                    f"the number of symbols of {source.name} is fixed",
                    fix="give a task whose number of symbols can be chosen, such as copy",
                )
            for size in self.sizes:
                try:
                    varied = DrawnTask(vary(source.task, {"symbols": size}), source.scale)  # pyright: ignore[reportArgumentType]
                    made.append(cell(varied, f"v{size}", rows=varied.rows()))
                except SeqwrightError:  # so few symbols leave the task without rows of these lengths
                    continue
        return made

    def claims(self, table: ResultTable) -> list[Claim]:
        return [_claim(task, table.where(task=task)) for task in table.tasks]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield exact match over the number of symbols, a line for each task."""
        lines = [
            Series(task, [float(row.variant[1:]) for row in rows], [row.exact_match for row in rows])
            for task, rows in ((task, table.where(task=task)) for task in table.tasks)
        ]
        panel = Graph(f"width {self.scale.width}", "symbols", "exact match", lines, logarithmic=True)
        chart = graphs("vocabulary", "Exact match by number of symbols", [panel])
        yield Section("How many symbols", (Figure((chart,), "Medians over seeds and their intervals."),))


def _claim(task: str, rows: Sequence[CellView]) -> Claim:
    failing = [row for row in rows if row.exact_match.high < HALF]
    least = min(rows, key=lambda row: row.exact_match.median)
    matches = ", ".join(f"{row.variant[1:]}: {spread(row.exact_match, rate)}" for row in rows)
    return Claim(
        claim=f"At least half of {task} is answered, however many symbols there are",
        measured=f"less than half from {failing[0].variant[1:]} symbols on"
        if failing
        else f"{rate(least.exact_match.median)} at {least.variant[1:]}, the least",
        verdict="breaks" if failing else "holds",
        evidence=f"exact match by number of symbols: {matches}",
    )
