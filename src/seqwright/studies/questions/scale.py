"""The study of scale: held-out loss by width and depth, and a power law with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

import numpy as np
from jaxtyping import Float

from seqwright.core.spec import Spec
from seqwright.evaluation.bootstrap import ends
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.model_scale import ModelScale, size_edits
from seqwright.studies.results import Claim
from seqwright.studies.study import Study, cell
from seqwright.studies.table import EVAL_LOSS, PARAMETERS, CellView, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import BucketSort, Copy, Reverse, Task

DRAWS = 2000
"""The number of bootstrap draws of seeds for the interval of an exponent."""


class ScaleStudy(Spec, Study):
    """A study of held-out loss over width and depth, with a power law through the medians."""

    name = "scale"
    question = "How does held-out loss fall with width and depth?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), BucketSort())
    scale: ModelScale = ModelScale()
    widths: tuple[int, ...] = (4, 8, 16, 32, 64)
    depths: tuple[int, ...] = (1, 2, 4)
    seeds: int = 10

    @classmethod
    def quick(cls) -> ScaleStudy:
        return cls(
            tasks=(Copy(),), scale=ModelScale(steps=300, train=2000, test=60), widths=(4, 8, 16), depths=(1, 2), seeds=3
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(source, f"width-{width}-depth-{depth}", _sized(source.scale, width, depth))
            for source in sources
            for width in self.widths
            for depth in self.depths
        ]

    def claims(self, table: ResultTable) -> list[Claim]:
        return [_claim(task, table.where(task=task)) for task in table.tasks]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield loss over parameters on log axes, a line for each depth, and the law."""
        panels = []
        for task in table.tasks:
            rows = table.where(task=task)
            lines = []
            for depth in sorted({_depth(row) for row in rows}):
                deep = [row for row in rows if _depth(row) == depth]
                lines.append(Series(f"depth {depth}", _parameters(deep), [row.eval_loss for row in deep]))
            if sum(isfinite(row.eval_loss.median) for row in rows) >= 3:
                (factor, exponent, _), _ = fitted(rows)
                span = [min(_parameters(rows)), max(_parameters(rows))]
                law = [factor * end**-exponent for end in span]
                lines.append(Series("power law", span, [MedianInterval(median=y, low=y, high=y) for y in law]))
            panels.append(Graph(task, "parameters", "held-out loss", lines, within=None, logarithmic=True))
        chart = graphs("scale", "Held-out loss by number of parameters", panels)
        caption = "Held-out loss, dropout off; medians over seeds and their intervals. The law is fitted to the medians of all sizes."
        yield Section("Loss by size", (Figure((chart,), caption),))


def _depth(row: CellView) -> int:
    return int(row.variant.rpartition("-")[2])


def _parameters(rows: Sequence[CellView]) -> list[float]:
    return [row.number(PARAMETERS) for row in rows]


def _sized(scale: ModelScale, width: int, depth: int) -> dict[str, object]:
    heads = scale.heads if width % scale.heads == 0 else 1
    return {**size_edits(width=width, layers=depth, heads=heads), "embedding.deviation": width**-0.5}


def power_law(parameters: Float[np.ndarray, "m"], losses: Float[np.ndarray, "m"]) -> tuple[float, float, float]:
    """Fit ``loss = a · parameters^−b`` by least squares on logarithms; return a, b, and the explained variance R².

    >>> power_law(np.array([1.0, 10.0, 100.0]), np.array([2.0, 0.2, 0.02]))
    (2.0, 1.0, 1.0)
    """
    x, y = np.log(parameters), np.log(losses)
    slope, offset = np.polyfit(x, y, 1)
    spread = ((y - y.mean()) ** 2).sum()
    explained = 1 - ((y - slope * x - offset) ** 2).sum() / spread if spread else 0.0
    return round(float(np.exp(offset)), 9), round(-float(slope), 9), round(float(explained), 9)


def fitted(rows: Sequence[CellView], seed: int = 0) -> tuple[tuple[float, float, float], tuple[float, float] | None]:
    """Return the law through the median losses, and the bootstrap interval of its exponent, seeds redrawn in every cell."""
    parameters = np.array(_parameters(rows))
    losses = np.array([row.by_seed(EVAL_LOSS) for row in rows])  # [rows seeds]
    kept = np.isfinite(losses).all(1) & (losses > 0).all(1)
    parameters, losses = parameters[kept], losses[kept]
    generator = np.random.default_rng(seed)
    drawn = generator.integers(losses.shape[1], size=(DRAWS, *losses.shape))
    medians = np.median(np.take_along_axis(losses[None], drawn, axis=2), axis=2)  # [draws rows]
    exponents = np.array([power_law(parameters, draw)[1] for draw in medians])
    return power_law(parameters, np.median(losses, axis=1)), ends(exponents)


def _claim(task: str, rows: Sequence[CellView]) -> Claim:
    claim = f"Loss on {task} is a power of the number of parameters"
    if sum(isfinite(row.eval_loss.median) for row in rows) < 3:
        few = "fewer than three sizes ended with a finite loss"
        return Claim(claim=claim, measured="–", verdict="unclear", evidence=few)
    (_, exponent, explained), interval = fitted(rows)
    low, high = interval or (exponent, exponent)
    holds = low > 0 and explained > 0.8
    return Claim(
        claim=claim,
        measured=f"exponent −{exponent:.2f} [−{high:.2f}, −{low:.2f}]".replace("−-", "+"),
        verdict="holds" if holds else "breaks" if high < 0 or explained < 0.5 else "unclear",
        evidence=f"a line through {len(rows)} sizes on log axes explains {explained:.0%} of the variance of log loss",
    )
