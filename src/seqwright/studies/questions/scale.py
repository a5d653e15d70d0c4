"""How does loss fall with size? Width and depth, and a power law through what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

import numpy as np
from jaxtyping import Float

from seqwright.evaluation.bootstrap import ends
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, tasks_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import BucketSort, Copy, Reverse, Task

DRAWS = 2000
"""How often seeds are redrawn for the uncertainty of an exponent."""


class ScaleStudy(Study):
    """How does held-out loss fall with width and depth?"""

    name = "scale"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=300, train=2000, test=60) if self.quick else ModelScale()

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Copy(),) if self.quick else (Copy(), Reverse(), BucketSort())

    @property
    def widths(self) -> tuple[int, ...]:
        return (4, 8, 16) if self.quick else (4, 8, 16, 32, 64)

    @property
    def depths(self) -> tuple[int, ...]:
        return (1, 2) if self.quick else (1, 2, 4)

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(subject, f"width-{width}-depth-{depth}", _sized(subject, width, depth))
            for subject in subjects
            for width in self.widths
            for depth in self.depths
        ]

    def claims(self, rows: Sequence[Row]) -> list[Claim]:
        return [_claim(task, [row for row in rows if row.task == task]) for task in tasks_of(rows)]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Loss over parameters on log axes, a line for each depth, and the law."""
        panels = []
        for task in tasks_of(rows):
            mine = [row for row in rows if row.task == task]
            depths = sorted({len(row.spec.decoder.each()) for row in mine})
            lines = []
            for depth in depths:
                deep = [row for row in mine if len(row.spec.decoder.each()) == depth]
                lines.append(
                    Series(f"depth {depth}", [float(row.parameters) for row in deep], [row.eval_loss for row in deep])
                )
            if sum(isfinite(row.eval_loss.median) for row in mine) >= 3:
                (factor, exponent, _), _ = fitted(mine)
                places = [float(min(row.parameters for row in mine)), float(max(row.parameters for row in mine))]
                law = [factor * place**-exponent for place in places]
                lines.append(Series("power law", places, [MedianInterval(median=y, low=y, high=y) for y in law]))
            panels.append(Graph(task, "parameters", "held-out loss", lines, within=None, logarithmic=True))
        chart = graphs("scale", "Held-out loss by number of parameters", panels)
        told = "Held-out loss, dropout off; medians over seeds and their intervals. The law is fitted to the medians of all sizes."
        yield Section("Loss by size", (Figure((chart,), told),))


def _sized(subject: TaskSource, width: int, depth: int) -> dict[str, object]:
    heads = subject.setting.heads if width % subject.setting.heads == 0 else 1
    edits: dict[str, object] = {
        "width": width,
        "embedding.deviation": width**-0.5,
        "decoder.blocks.cross.heads": heads,
    }
    for side in ("encoder", "decoder"):
        edits |= {
            f"{side}.layers": depth,
            f"{side}.blocks.mixer.heads": heads,
            f"{side}.blocks.feedforward.inner": 2 * width,
        }
    return edits


def power_law(parameters: Float[np.ndarray, "m"], losses: Float[np.ndarray, "m"]) -> tuple[float, float, float]:
    """``loss = a · parameters^−b`` by least squares on logarithms: a, b, and the part of the variance it explains (R²).

    >>> power_law(np.array([1.0, 10.0, 100.0]), np.array([2.0, 0.2, 0.02]))
    (2.0, 1.0, 1.0)
    """
    x, y = np.log(parameters), np.log(losses)
    slope, offset = np.polyfit(x, y, 1)
    spread = ((y - y.mean()) ** 2).sum()
    explained = 1 - ((y - slope * x - offset) ** 2).sum() / spread if spread else 0.0
    return round(float(np.exp(offset)), 9), round(-float(slope), 9), round(float(explained), 9)


def fitted(rows: Sequence[Row], seed: int = 0) -> tuple[tuple[float, float, float], tuple[float, float] | None]:
    """The law through the median losses, and the bootstrap interval of its exponent, seeds being redrawn in every cell."""
    parameters = np.array([float(row.parameters) for row in rows])
    losses = np.array([row.eval_losses for row in rows])  # [rows seeds]
    kept = np.isfinite(losses).all(1) & (losses > 0).all(1)
    parameters, losses = parameters[kept], losses[kept]
    generator = np.random.default_rng(seed)
    drawn = generator.integers(losses.shape[1], size=(DRAWS, *losses.shape))
    medians = np.median(np.take_along_axis(losses[None], drawn, axis=2), axis=2)  # [draws rows]
    exponents = np.array([power_law(parameters, draw)[1] for draw in medians])
    return power_law(parameters, np.median(losses, axis=1)), ends(exponents)


def _claim(task: str, rows: Sequence[Row]) -> Claim:
    if sum(isfinite(row.eval_loss.median) for row in rows) < 3:
        return Claim(
            claim=f"Loss on {task} is a power of the number of parameters",
            measured="–",
            verdict="unclear",
            evidence="fewer than three sizes ended with a finite loss",
        )
    (_, exponent, explained), interval = fitted(rows)
    low, high = interval or (exponent, exponent)
    holds = low > 0 and explained > 0.8
    return Claim(
        claim=f"Loss on {task} is a power of the number of parameters",
        measured=f"exponent −{exponent:.2f} [−{high:.2f}, −{low:.2f}]".replace("−-", "+"),
        verdict="holds" if holds else "breaks" if high < 0 or explained < 0.5 else "unclear",
        evidence=f"a line through {len(rows)} sizes on log axes explains {explained:.0%} of the variance of log loss",
    )
