"""How many symbols can a fixed width tell apart? V from 2 to 512."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import vary
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, tasks_of
from seqwright.studies.task_source import DrawnTask, TaskSource
from seqwright.tasks.algorithmic import AssociativeRecall, BucketSort, Copy, Reverse, Task

HALF = 0.5


class VocabularyStudy(Study):
    """How does exact match change with the number of symbols, the width being fixed?"""

    name = "vocabulary"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=350, train=2000, test=60, lengths=(2, 6)) if self.quick else ModelScale(train=8000)

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Copy(), BucketSort()) if self.quick else (Copy(), Reverse(), BucketSort(), AssociativeRecall())

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of symbols."""
        return (2, 16, 128) if self.quick else (2, 8, 32, 128, 512)

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for subject in subjects:
            if not isinstance(subject, DrawnTask) or not hasattr(subject.task, "symbols"):
                raise SeqwrightError(
                    f"{subject.name} has the symbols it has",
                    fix="ask a task whose number of symbols can be chosen, such as copy",
                )
            for size in self.sizes:
                try:
                    varied = DrawnTask(vary(subject.task, {"symbols": size}), subject.setting)  # pyright: ignore[reportArgumentType]
                    made.append(cell(varied, f"v{size}", rows=varied.rows()))
                except SeqwrightError:  # so few symbols leave the task without rows of these lengths
                    continue
        return made

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        return [_claim(task, [row for row in rows if row.task == task]) for task in tasks_of(rows)]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Exact match over the number of symbols, a line for each task."""
        lines = [
            Series(
                task,
                [float(row.variant[1:]) for row in rows if row.task == task],
                [row.exact_match for row in rows if row.task == task],
            )
            for task in tasks_of(rows)
        ]
        panel = Graph(f"width {self.setting.width}", "symbols", "exact match", lines, logarithmic=True)
        chart = graphs("vocabulary", "Exact match by number of symbols", [panel])
        yield Section("How many symbols", (Figure((chart,), "Medians over seeds and their intervals."),))


def _claim(task: str, rows: Sequence[Row]) -> Claim:
    failing = [row for row in rows if row.exact_match.high < HALF]
    least = min(rows, key=lambda row: row.exact_match.median)
    told = ", ".join(f"{row.variant[1:]}: {spread(row.exact_match, rate)}" for row in rows)
    return Claim(
        claim=f"At least half of {task} is answered, however many symbols there are",
        measured=f"less than half from {failing[0].variant[1:]} symbols on"
        if failing
        else f"{rate(least.exact_match.median)} at {least.variant[1:]}, the least",
        verdict="breaks" if failing else "holds",
        evidence=f"exact match by number of symbols: {told}",
    )
