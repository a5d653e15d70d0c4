"""Padding, buckets, or one length at a time? What each costs in time and waste, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.data.batching import EqualLengthBatches, PaddedBatches, PairExamples, TokenBatches
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Section, Table
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Row
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, found, tasks_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Reverse, Task

PADDED, BUCKETS, ONE_LENGTH = "padded", "buckets", "one-length"


class BatchingStudy(Study):
    """Padding, buckets of like lengths, or one length at a time?"""

    name = "batching"

    @property
    def setting(self) -> ModelScale:
        return (
            ModelScale(steps=350, train=2000, test=60, lengths=(2, 12)) if self.quick else ModelScale(lengths=(2, 24))
        )

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Copy(symbols=4),) if self.quick else (Copy(), Reverse())

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for subject in subjects:
            rows, batch = subject.rows(), subject.setting.batch
            data = rows.drawn()
            lengths = PairExamples(data.train, data.coder).lengths()
            tokens = batch * int((lengths + 1).sum(1).mean())  # as many as the other two have, padding left out
            for variant, batching in (
                (PADDED, PaddedBatches(rows=batch)),
                (BUCKETS, TokenBatches(tokens=tokens)),
                (ONE_LENGTH, EqualLengthBatches(rows=batch)),
            ):
                made.append(cell(subject, variant, rows=rows, batching=batching))
        return made

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        row = found(rows)
        return [
            Effect.of(f"{way} batches", row[task, way], row[task, PADDED])
            for task in tasks_of(rows)
            for way in (BUCKETS, ONE_LENGTH)
        ]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """Time, waste and accuracy of each way."""
        told = tuple(
            (
                row.task,
                row.variant,
                f"{row.waste:.0%}",
                f"{row.seconds / len(row.matches):.1f}",
                spread(row.exact_match, rate),
                spread(row.eval_loss),
            )
            for row in rows
        )
        header = ("task", "batches", "padding", "seconds a model", "exact match", "held-out loss")
        yield Section("Time, waste, accuracy", (Table(header, told, numeric=frozenset({2, 3, 4, 5})),))
