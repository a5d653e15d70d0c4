"""The study of positions: kinds × tasks, within the training lengths and beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqwright.core.spec import Spec
from seqwright.nn.position import NoPosition
from seqwright.nn.position_embedding import LearnedPosition, SinusoidalPosition
from seqwright.nn.randomised_position import RandomisedPosition
from seqwright.nn.relative_position import ALiBiPosition, RotaryPosition, T5RelativePosition
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Section, Table, Text
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.model_scale import ModelScale, both_sides
from seqwright.studies.report_parts import learnt_at
from seqwright.studies.study import Study, cell
from seqwright.studies.table import BEYOND, EXACT_MATCH, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Histogram, MissingDuplicate, Reverse, Task

ABSENT = "absent"

SPREAD = 8
"""The number of positions that randomised positions choose from, for each token of the maximum length."""


def position_edits(max_length: int) -> Mapping[str, dict[str, Any]]:
    """Return each kind as edits of a model whose sides have at most ``max_length`` tokens."""
    randomised = RandomisedPosition(position=SinusoidalPosition(), positions=SPREAD * max_length, length=max_length)
    positions = {
        ABSENT: NoPosition(),
        "sinusoidal": SinusoidalPosition(),
        "learned": LearnedPosition(length=max_length),
        "rotary": RotaryPosition(),
        "alibi": ALiBiPosition(),
        "t5-relative": T5RelativePosition(),
        "randomised": randomised,
    }
    return {name: both_sides("position", position) for name, position in positions.items()}


class PositionStudy(Spec, Study):
    """A comparison of kinds of position: how soon a task is learnt, and what is left of it on longer rows."""

    name = "positions"
    question = "Which kind of position?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), MissingDuplicate(), Histogram())
    scale: ModelScale = ModelScale(test=200)
    seeds: int = 10

    @classmethod
    def quick(cls) -> PositionStudy:
        return cls(
            tasks=(Copy(symbols=4), Reverse(symbols=4)), scale=ModelScale(steps=300, train=2000, test=60), seeds=3
        )

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for source in sources:
            longest = source.max_length
            rows = source.rows(max_length=longest, beyond=(longest * 3 // 2, longest * 2))
            made += [cell(source, kind, edits, rows=rows) for kind, edits in position_edits(rows.max_length).items()]
        return made

    def effects(self, table: ResultTable) -> list[Effect]:
        pairs = [(row, table.cell(row.task, ABSENT)) for row in table.rows if row.variant != ABSENT]
        return [
            Effect.of(row.variant, row, absent, measure)
            for measure in (EXACT_MATCH, BEYOND)
            for row, absent in pairs
            if row.has(measure)
        ]

    def sections(self, table: ResultTable) -> Iterator[Section]:
        """Yield how soon each kind is learnt, and what is left of it beyond the training lengths."""
        lines = tuple(
            (
                row.task,
                Text(row.variant, "strong"),
                learnt_at(row),
                spread(row.eval_loss),
                spread(row.exact_match, rate),
                spread(row.beyond, rate) if row.beyond else "–",
            )
            for row in table.rows
        )
        header = ("task", "kind", "99 % correct at step", "held-out loss", "exact match", "beyond")
        yield Section("How soon, and how far", (Table(header, lines, numeric=frozenset({2, 3, 4, 5})),))
