"""How much gradient reaches a token at distance k, and which parts carry it there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.measures import GradientReach
from seqwright.studies.questions.parts import WITHOUT
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import WHOLE, Study, cell, found, tasks_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, EvenPairs, Reverse, Task

UNTRAINED = "untrained"

VARIANTS = {
    WHOLE: {},
    "no-residual": WITHOUT["residual"],
    "post-norm": WITHOUT["pre-norm"],
    "no-positions": WITHOUT["positions"],
    "depth-1": WITHOUT["depth"],
}


class GradientStudy(Study):
    """How much gradient reaches a token at distance k?"""

    name = "gradients"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=350, train=2000, test=60) if self.quick else ModelScale(lengths=(2, 16))

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Reverse(symbols=4), EvenPairs()) if self.quick else (Copy(), Reverse(), EvenPairs())

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        measures = (GradientReach(),)
        made = []
        for subject in subjects:
            rows = subject.rows()
            made += [cell(subject, name, edits, rows=rows, measures=measures) for name, edits in VARIANTS.items()]
            begun = {"steps": 1, "rate": 1e-12}
            made.append(cell(subject, UNTRAINED, rows=rows, training=begun, measures=measures))
        return made

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        """Whether training makes the gradient reach some distance more than before."""
        row, measure = found(rows), GradientReach().name
        made = []
        for task in tasks_of(rows):
            before = row[task, UNTRAINED].measured[measure]
            after = row[task, WHOLE].measured[measure]
            most = max(range(len(after)), key=lambda distance: after[distance].median)
            one, other = before[most], after[most]
            made.append(
                Claim(
                    claim=f"Training on {task} gathers the gradient where the answer comes from",
                    measured=f"most of it {most} from the end: {spread(other, rate)}, untrained {spread(one, rate)}",
                    verdict="holds" if other.low > one.high else "breaks" if other.high < one.low else "unclear",
                    evidence=f"{WHOLE} answers {spread(row[task, WHOLE].exact_match, rate)}; intervals over seeds are apart or not",
                )
            )
        return made

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """The share of gradient over distance, a line for each variant."""
        measure = GradientReach().name
        panels = []
        for task in tasks_of(rows):
            reaches = {row.variant: row.measured[measure] for row in rows if row.task == task}
            lines = [Series(name, list(range(len(values))), values) for name, values in reaches.items()]
            most = max((value.high for values in reaches.values() for value in values), default=1.0)
            panels.append(
                Graph(task, "distance from the source's end", "share of the gradient", lines, within=(0, most))
            )
        chart = graphs("gradients", "Share of the first answer token's gradient by distance", panels)
        told = (
            "The loss of the first target token, traced back to the embedded source: the share of the gradient's norm at each "
            "distance from the source's last token. Medians over seeds and their intervals."
        )
        yield Section("Gradient by distance", (Figure((chart,), told),))
