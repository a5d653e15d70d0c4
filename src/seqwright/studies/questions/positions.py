"""Which kind of position? Kinds × tasks: how soon it is learnt, and what is left of it on longer rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqwright.nn.position import (
    ALiBiPosition,
    LearnedPosition,
    NoPosition,
    RandomisedPosition,
    RotaryPosition,
    SinusoidalPosition,
    T5RelativePosition,
)
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Section, Table, Text
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect, beyond_training_lengths
from seqwright.studies.experiment import Row
from seqwright.studies.report_parts import learnt_at
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import Study, cell, found, tasks_of, variants_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Histogram, MissingDuplicate, Reverse, Task

ABSENT = "absent"

SPREAD = 8
"""How many times as many places as tokens randomised positions choose from."""


def kinds(reach: int) -> Mapping[str, dict[str, Any]]:
    """Each kind as edits of a model whose sides have at most ``reach`` tokens."""
    places = SPREAD * reach
    spread = RandomisedPosition(position=SinusoidalPosition(), positions=places, length=reach)
    of = {
        ABSENT: NoPosition(),
        "sinusoidal": SinusoidalPosition(),
        "learned": LearnedPosition(length=reach),
        "rotary": RotaryPosition(),
        "alibi": ALiBiPosition(),
        "t5-relative": T5RelativePosition(),
        "randomised": spread,
    }
    return {name: {"encoder.position": kind, "decoder.position": kind} for name, kind in of.items()}


class PositionStudy(Study):
    """Which kind of position?"""

    name = "positions"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=300, train=2000, test=60) if self.quick else ModelScale(test=200)

    @property
    def tasks(self) -> tuple[Task, ...]:
        if self.quick:
            return (Copy(symbols=4), Reverse(symbols=4))
        return (Copy(), Reverse(), MissingDuplicate(), Histogram())

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        made = []
        for subject in subjects:
            longest = subject.longest
            rows = subject.rows(longest=longest, beyond=(longest * 3 // 2, longest * 2))
            made += [cell(subject, kind, edits, rows=rows) for kind, edits in kinds(rows.reach).items()]
        return made

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        row = found(rows)
        pairs = [
            (kind, row[task, kind], row[task, ABSENT])
            for task in tasks_of(rows)
            for kind in variants_of(rows)
            if kind != ABSENT
        ]
        return [
            *(Effect.of(kind, with_it, without) for kind, with_it, without in pairs),
            *(
                Effect.of(kind, with_it, without, beyond_training_lengths)
                for kind, with_it, without in pairs
                if with_it.matches_beyond
            ),
        ]

    def sections(self, rows: Sequence[Row]) -> Iterator[Section]:
        """How soon each kind is learnt, and what is left of it."""
        told = tuple(
            (
                row.task,
                Text(row.variant, "strong"),
                learnt_at(row),
                spread(row.eval_loss),
                spread(row.exact_match, rate),
                spread(row.beyond, rate) if row.beyond else "–",
            )
            for row in rows
        )
        header = ("task", "kind", "99 % known at step", "held-out loss", "exact match", "beyond")
        yield Section("How soon, and how far", (Table(header, told, numeric=frozenset({2, 3, 4, 5})),))
