"""The study of batching: padding, buckets of like lengths, or one length at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from seqwright.core.spec import Spec
from seqwright.data.batching import EqualLengthBatches, PaddedBatches, PairExamples, TokenBatches
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Section, Table
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.study import Study, cell
from seqwright.studies.table import PADDING, SECONDS, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Reverse, Task

PADDED, BUCKETS, ONE_LENGTH = "padded", "buckets", "one-length"


class BatchingStudy(Spec, Study):
    """A comparison of ways to batch: their time, the padding, and the accuracy."""

    name = "batching"
    question = "Padding, buckets of like lengths, or one length at a time?"
    tasks: tuple[Task, ...] = (Copy(), Reverse())
    scale: ModelScale = ModelScale(lengths=(2, 24))
    seeds: int = 10

    @classmethod
    def quick(cls) -> BatchingStudy:
        return cls(tasks=(Copy(symbols=4),), scale=ModelScale(steps=350, train=2000, test=60, lengths=(2, 12)), seeds=3)

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for source in sources:
            rows, batch = source.rows(), source.scale.batch
            data = rows.drawn()
            lengths = PairExamples(data.train, data.coder).lengths()
            tokens = batch * int((lengths + 1).sum(1).mean())  # as many as the other two have, padding left out
            for variant, batching in (
                (PADDED, PaddedBatches(rows=batch)),
                (BUCKETS, TokenBatches(tokens=tokens)),
                (ONE_LENGTH, EqualLengthBatches(rows=batch)),
            ):
                made.append(cell(source, variant, rows=rows, batching=batching))
        return made

    def effects(self, table: ResultTable) -> list[Effect]:
        return [
            Effect.of(f"{way} batches", table.cell(task, way), table.cell(task, PADDED))
            for task in table.tasks
            for way in (BUCKETS, ONE_LENGTH)
        ]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield the time, padding and accuracy of each way."""
        lines = tuple(
            (
                row.task,
                row.variant,
                f"{row.number(PADDING):.0%}",
                f"{fmean(row.by_seed(SECONDS)):.1f}",
                spread(row.exact_match, rate),
                spread(row.eval_loss),
            )
            for row in table.rows
        )
        header = ("task", "batches", "padding", "seconds a model", "exact match", "held-out loss")
        yield Section("Time, padding, accuracy", (Table(header, lines, numeric=frozenset({2, 3, 4, 5})),))
