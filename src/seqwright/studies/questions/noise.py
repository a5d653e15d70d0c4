"""The study of noise: tokens flipped in training sources, in training targets, or in test sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.core.spec import Spec
from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.study import Study, cell
from seqwright.studies.table import ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import AssociativeRecall, BucketSort, Copy, Majority, Reverse, Task
from seqwright.tasks.sampling import Noise, NoNoise, SourceFlips, TargetFlips, TestFlips

CLEAN = "clean"


class NoiseStudy(Spec, Study):
    """A study of noise in training sources, in training targets, or in test sources."""

    name = "noise"
    question = "What does noise do, in training sources, in training targets, or only in the test sources?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), BucketSort(), Majority(), AssociativeRecall(symbols=8))
    scale: ModelScale = ModelScale()
    rates: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4)
    seeds: int = 10

    @classmethod
    def quick(cls) -> NoiseStudy:
        return cls(
            tasks=(Copy(symbols=4), BucketSort(symbols=4)),
            scale=ModelScale(steps=350, train=2000, test=60),
            rates=(0.1, 0.3),
            seeds=3,
        )

    def noises(self) -> dict[str, Noise]:
        """Return each kind and rate of noise, by the name of its variant."""
        noises: dict[str, Noise] = {CLEAN: NoNoise()}
        for name, kind in (("source", SourceFlips), ("target", TargetFlips), ("test", TestFlips)):
            noises |= {f"{name}-{rate:g}": kind(rate=rate) for rate in self.rates}
        return noises

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(source, name, rows=source.rows(noise=noise))
            for source in sources
            for name, noise in self.noises().items()
        ]

    def effects(self, table: ResultTable) -> list[Effect]:
        return [
            Effect.of(_absence(row.variant), table.cell(row.task, CLEAN), row)
            for row in table.rows
            if row.variant != CLEAN
        ]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield accuracy over the rate of noise, a line for each kind of noise."""
        panels = []
        for task in table.tasks:
            lines = []
            for kind in ("source", "target", "test"):
                rows = [row for row in table.where(task=task) if kind_and_rate(row.variant)[0] in (CLEAN, kind)]
                rates = [kind_and_rate(row.variant)[1] for row in rows]
                lines.append(Series(f"{kind} noise", rates, [row.exact_match for row in rows]))
            panels.append(Graph(task, "share of the tokens that is flipped", "exact match", lines))
        chart = graphs("noise", "Exact match by rate of noise", panels)
        caption = (
            "Source noise and target noise are in the training rows, and the test rows are clean; test noise is only in the "
            "test sources, and the right answer is that of the clean source. Lines are medians over seeds."
        )
        yield Section("How accuracy falls", (Figure((chart,), caption),))


def _absence(variant: str) -> str:
    kind, rate = kind_and_rate(variant)
    return f"no {kind} noise of {rate:.0%}"


def kind_and_rate(variant: str) -> tuple[str, float]:
    """Read the kind and the rate of noise off a variant's name.

    >>> kind_and_rate("source-0.05")
    ('source', 0.05)
    """
    kind, _, rate = variant.partition("-")
    return kind, float(rate or 0)
