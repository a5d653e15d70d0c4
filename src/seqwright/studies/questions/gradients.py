"""The study of gradients: their share at each source token, with parts and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.measures import GradientReach
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.questions.parts import WITHOUT
from seqwright.studies.results import Claim
from seqwright.studies.study import Study, cell
from seqwright.studies.table import WHOLE, CellView, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, EvenPairs, Reverse, Task

UNTRAINED = "untrained"

REACH = GradientReach()

VARIANTS = {
    WHOLE: {},
    "no-residual": WITHOUT["residual"],
    "post-norm": WITHOUT["pre-norm"],
    "no-positions": WITHOUT["positions"],
    "depth-1": WITHOUT["depth"],
}


class GradientStudy(Spec, Study):
    """A study of the gradient that reaches a source token by its distance, and of the parts that carry it there."""

    name = "gradients"
    question = "How much gradient reaches a token at distance k?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), EvenPairs())
    scale: ModelScale = ModelScale(lengths=(2, 16))
    seeds: int = 10

    @classmethod
    def quick(cls) -> GradientStudy:
        return cls(tasks=(Reverse(symbols=4), EvenPairs()), scale=ModelScale(steps=350, train=2000, test=60), seeds=3)

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for source in sources:
            rows = source.rows()
            made += [cell(source, name, edits, rows=rows, measures=(REACH,)) for name, edits in VARIANTS.items()]
            begun = {"steps": 1, "rate": 1e-12}
            made.append(cell(source, UNTRAINED, rows=rows, training=begun, measures=(REACH,)))
        return made

    def claims(self, table: ResultTable) -> list[Claim]:
        """Return whether training makes more gradient reach some distance than before."""
        made = []
        for task in table.tasks:
            untrained, whole = (_reach(table.cell(task, variant)) for variant in (UNTRAINED, WHOLE))
            most = max(range(len(whole)), key=lambda distance: whole[distance].median)
            before, after = untrained[most], whole[most]
            match = spread(table.cell(task, WHOLE).exact_match, rate)
            made.append(
                Claim(
                    claim=f"Training on {task} gathers the gradient where the answer comes from",
                    measured=f"most of it {most} from the end: {spread(after, rate)}, untrained {spread(before, rate)}",
                    verdict="holds" if after.low > before.high else "breaks" if after.high < before.low else "unclear",
                    evidence=f"{WHOLE} answers {match}; intervals over seeds are apart or not",
                )
            )
        return made

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield the share of gradient over distance, a line for each variant."""
        panels = []
        for task in table.tasks:
            shares = {row.variant: _reach(row) for row in table.where(task=task)}
            lines = [Series(name, list(range(len(values))), values) for name, values in shares.items()]
            most = max((value.high for values in shares.values() for value in values), default=1.0)
            panels.append(
                Graph(task, "distance from the source's end", "share of the gradient", lines, within=(0, most))
            )
        chart = graphs("gradients", "Share of the first answer token's gradient by distance", panels)
        caption = (
            "The loss of the first target token, traced back to the embedded source: the share of the gradient's norm at each "
            "distance from the source's last token. Medians over seeds and their intervals."
        )
        yield Section("Gradient by distance", (Figure((chart,), caption),))


def _reach(row: CellView) -> list[MedianInterval]:
    """Return the share of the gradient at each distance, nearest first."""
    return [row.interval(REACH.name, distance) for distance in row.groups(REACH.name)]
