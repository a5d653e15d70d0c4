"""What does noise do? Tokens flipped in training sources, in training targets, or only where the model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.report.page import Figure, Section
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Row
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, found, tasks_of, variants_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import AssociativeRecall, BucketSort, Copy, Majority, Reverse, Task
from seqwright.tasks.sampling import Noise, NoNoise, SourceFlips, TargetFlips, TestFlips

CLEAN = "clean"


class NoiseStudy(Study):
    """How does accuracy degrade with noise, and where does noise hurt?"""

    name = "noise"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=350, train=2000, test=60) if self.quick else ModelScale()

    @property
    def tasks(self) -> tuple[Task, ...]:
        if self.quick:
            return (Copy(symbols=4), BucketSort(symbols=4))
        return (Copy(), Reverse(), BucketSort(), Majority(), AssociativeRecall(symbols=8))

    @property
    def rates(self) -> tuple[float, ...]:
        """The parts of the tokens that are flipped."""
        return (0.1, 0.3) if self.quick else (0.02, 0.05, 0.1, 0.2, 0.4)

    def kinds(self) -> dict[str, Noise]:
        """Each kind and rate of noise, by the name of its variant."""
        noises: dict[str, Noise] = {CLEAN: NoNoise()}
        for name, kind in (("source", SourceFlips), ("target", TargetFlips), ("test", TestFlips)):
            noises |= {f"{name}-{rate:g}": kind(rate=rate) for rate in self.rates}
        return noises

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        return [
            cell(subject, name, rows=subject.rows(noise=noise))
            for subject in subjects
            for name, noise in self.kinds().items()
        ]

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        row = found(rows)
        return [
            Effect.of(_absence(name), row[task, CLEAN], row[task, name])
            for task in tasks_of(rows)
            for name in variants_of(rows)
            if name != CLEAN
        ]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Accuracy over the rate of noise, a line for each place that noise is in."""
        row, panels = found(rows), []
        for task in tasks_of(rows):
            lines = []
            for kind in ("source", "target", "test"):
                names = [CLEAN, *(name for name in variants_of(rows) if kind_and_rate(name)[0] == kind)]
                points = [row[task, name].exact_match for name in names]
                lines.append(Series(f"{kind} noise", [kind_and_rate(name)[1] for name in names], points))
            panels.append(Graph(task, "part of the tokens that is flipped", "exact match", lines))
        chart = graphs("noise", "Exact match by rate of noise", panels)
        told = (
            "Source noise and target noise are in the rows trained on, and clean rows are asked; test noise is only in the "
            "sources asked, and the answer wanted is that of the clean source. Lines are medians over seeds."
        )
        yield Section("How accuracy falls", (Figure((chart,), told),))


def _absence(variant: str) -> str:
    kind, rate = kind_and_rate(variant)
    return f"no {kind} noise of {rate:.0%}"


def kind_and_rate(variant: str) -> tuple[str, float]:
    """What a variant's name says.

    >>> kind_and_rate("source-0.05")
    ('source', 0.05)
    """
    kind, _, rate = variant.partition("-")
    return kind, float(rate or 0)
