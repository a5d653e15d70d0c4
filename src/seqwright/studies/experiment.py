"""The engine of every study: cells are cut into pieces, done, kept, and gathered into rows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqwright import __version__
from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval
from seqwright.evaluation.signature import SIGNATURES, name
from seqwright.models.transformer import TransformerSpec
from seqwright.studies.cell import Cell, CellResult, SeedResult, pace
from seqwright.studies.data import TestRow
from seqwright.studies.executor import Executor, LocalExecutor, WorkUnit
from seqwright.studies.store import Store

SEEDS_A_PIECE = {"cpu": 16, "cuda": 1024}
"""How many members train side by side. More would not be faster on a CPU, and a kill would cost more."""


class Shown(Spec, tag=False):
    """An example answer; one that did not stop by itself was cut at the length limit."""

    source: str
    target: str
    predicted: str
    right: bool
    stopped: bool


class ExamResult(Spec, tag=False):
    """What came of one exam: each seed's exact match, in the order of the seeds."""

    exam: str
    beyond: bool
    rows: int
    matches: list[float]


class Row(Spec, tag=False):
    """A cell's results over all seeds: one row of the table.

    ``per_task`` is the fraction of seeds that answer each sequence, ``signatures`` the number of seeds that carry each
    name, ``answers`` those of a typical seed, ``curve`` the training loss at ``steps``; ``losses``,
    ``eval_losses`` and ``matches`` (``matches_alone``, ``matches_beyond``) are each seed's last losses and exact match, ``waste``
    the part of all tokens trained on that was padding. ``exams`` has exact match exam by exam, ``beyond``
    on rows longer than any that was trained on, where such were asked; ``learnt_at`` the step at which each seed knew the next tokens, if it ever did, ``diverged`` how many seeds ended with a loss that is not a number, and ``measured``
    the ranges of what else was measured.
    """

    base: str
    variant: str
    task: str
    spec: TransformerSpec
    parameters: int
    train_loss: MedianInterval
    eval_loss: MedianInterval
    exact_match: MedianInterval
    exact_match_alone: MedianInterval
    per_task: dict[str, float]
    signatures: dict[str, int]
    answers: list[Shown]
    steps: list[int]
    curve: list[MedianInterval]
    losses: list[float]
    eval_losses: list[float]
    matches: list[float]
    seconds: float
    waste: float
    matches_alone: list[float]
    matches_beyond: list[float]
    exams: list[ExamResult]
    beyond: MedianInterval | None
    learnt_at: list[int | None]
    diverged: int
    measured: dict[str, list[MedianInterval]]
    notes: list[str]


class Claim(Spec, tag=False):
    """A sentence held against what was measured; ``paper`` is the number that the paper gives for it, if it does."""

    claim: str
    measured: str
    verdict: str
    evidence: str
    paper: str = "–"


@dataclass(frozen=True)
class Experiment:
    """Cells, and the seeds each is trained with."""

    name: str
    cells: tuple[Cell, ...]
    seeds: int
    device: str = "cpu"

    def pieces(self) -> list[WorkUnit]:
        """The work, cut the same way whenever and by however many workers it is done."""
        size = SEEDS_A_PIECE[self.device.partition(":")[0]]
        starts = range(0, self.seeds, size)
        return [
            WorkUnit(cell, tuple(range(start, min(start + size, self.seeds))))
            for cell in self.cells
            for start in starts
        ]

    def seconds(self, pieces: Sequence[WorkUnit], *, workers: int | None = None) -> float:
        """About how long some pieces will take here: a few steps of one of middling cost are tried."""
        tried = sorted(pieces, key=lambda piece: piece.cell.cost)[len(pieces) // 2]
        each = pace(tried.cell, tried.seeds, self.device) / (tried.cell.cost * len(tried.seeds))
        return each * sum(piece.work for piece in pieces) / self.processes(workers)

    def processes(self, workers: int | None) -> int:
        """How many there are where nobody says: one a core, one on a GPU."""
        return workers or (1 if self.device != "cpu" else os.cpu_count() or 1)

    def manifest(self) -> dict[str, object]:
        """What tells this study from any other: a folder belongs to exactly one."""
        return {
            "study": self.name,
            "seeds": self.seeds,
            "device": self.device,
            "seqwright": __version__,
            "cells": [cell.key for cell in self.cells],
            "fingerprint": hashlib.sha256("\n".join(map(_written, self.cells)).encode()).hexdigest(),
        }

    def run(
        self,
        out: Path,
        *,
        workers: int | None = None,
        executor: Executor | None = None,
        foretell: Callable[[Sequence[WorkUnit]], None] = lambda todo: None,
        watch: Callable[[float, float, int, int], None] = lambda done, total, cells, all_cells: None,
    ) -> list[Row]:
        """Do what is not yet done in ``out`` and gather all of it.

        Args:
            out: the study's folder; made if need be.
            workers: processes; one a core if left out, one on a GPU.
            crew: who does the work, where it is not processes of this machine.
            foretell: is told what is left to do, before any of it is done.
            watch: is told the work done and in all, and pieces done and in all.

        Raises:
            SeqwrightError: the folder cannot be used, or a worker keeps dying.
        """
        pieces = self.pieces()
        with opened(out, self.manifest()) as store:
            results = {piece.key: store.load(piece.key) for piece in pieces}
            todo = [piece for piece in pieces if results[piece.key] is None]
            total = sum(piece.work for piece in pieces)
            kept = total - sum(piece.work for piece in todo)

            def tick(running: float) -> None:
                watch(kept + running, total, len(pieces) - len(todo), len(pieces))

            foretell(todo)
            tick(0)
            executor = executor or LocalExecutor(self.processes(workers))
            for piece, result in executor.finished(list(todo), self.device, tick):
                store.save(piece.key, result)
                results[piece.key] = result
                todo.remove(piece)
                kept += piece.work
        return [
            gather(cell, [done for piece in pieces if piece.cell is cell and (done := results[piece.key])])
            for cell in self.cells
        ]


def _written(cell: Cell) -> str:
    settings = [cell.spec.to_json(), cell.training.to_json(), cell.batching.to_json()]  # pyright: ignore[reportAttributeAccessIssue]  # every batching is a Spec too
    return "\n".join([cell.key, *settings, repr(cell.data), repr(cell.padding), *map(repr, cell.measures)])


@contextmanager
def opened(out: Path, manifest: dict[str, object]) -> Iterator[Store]:
    """A study's folder, held for oneself."""
    store = Store(out, manifest)
    try:
        yield store
    finally:
        store.close()


def gather(cell: Cell, results: Sequence[CellResult]) -> Row:
    """The pieces of one cell as a row."""
    first = results[0]
    seeds = [seed for result in results for seed in result.seeds]
    curves = [curve for result in results for curve in result.curves]
    longer = [sum(seed.beyond) / len(seed.beyond) for seed in seeds if seed.beyond]
    return Row(
        base=cell.base,
        variant=cell.variant,
        task=cell.data.name,
        spec=cell.spec,
        parameters=first.parameters,
        train_loss=MedianInterval.of([_loss(seed.train_loss) for seed in seeds]),
        eval_loss=MedianInterval.of([_loss(seed.eval_loss) for seed in seeds]),
        exact_match=MedianInterval.of([seed.exact_match for seed in seeds]),
        exact_match_alone=MedianInterval.of([seed.exact_match_alone for seed in seeds]),
        per_task={
            f"{row.source}→{row.target}": sum(seed.right[index] for seed in seeds) / len(seeds)
            for index, row in enumerate(first.asked)
        },
        signatures={
            name(signature): sum(name(signature) in seed.signatures for seed in seeds) for signature in SIGNATURES
        },
        answers=shown(first.asked, typical(seeds)),
        steps=first.steps,
        curve=[MedianInterval.of([_loss(curve[point]) for curve in curves]) for point in range(len(first.steps))],
        losses=[_loss(seed.train_loss) for seed in seeds],
        eval_losses=[_loss(seed.eval_loss) for seed in seeds],
        matches=[seed.exact_match for seed in seeds],
        seconds=sum(result.seconds for result in results),
        exams=[
            *_exams(first.asked, [seed.right for seed in seeds], beyond=False),
            *_exams(first.asked_beyond, [seed.beyond for seed in seeds], beyond=True),
        ],
        waste=first.waste,
        matches_alone=[seed.exact_match_alone for seed in seeds],
        matches_beyond=longer,
        beyond=MedianInterval.of(longer) if longer else None,
        learnt_at=[seed.learnt_at for seed in seeds],
        diverged=sum(seed.train_loss is None for seed in seeds),
        measured={
            measure: [
                MedianInterval.of(values) for values in zip(*(seed.measured[measure] for seed in seeds), strict=True)
            ]
            for measure in seeds[0].measured
        },
        notes=first.notes,
    )


def _exams(asked: Sequence[TestRow], right: Sequence[Sequence[bool]], *, beyond: bool) -> list[ExamResult]:
    """Exact match exam by exam; ``right`` has a list for each seed."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(asked):
        places.setdefault(row.exam, []).append(place)
    return [
        ExamResult(
            exam=exam,
            beyond=beyond,
            rows=len(rows),
            matches=[sum(seed[place] for place in rows) / len(rows) for seed in right],
        )
        for exam, rows in places.items()
    ]


def shown(asked: Sequence[TestRow], seed: SeedResult) -> list[Shown]:
    """One seed's answers to everything it was asked."""
    answered = zip(asked, seed.predicted, seed.right, seed.stopped, strict=True)
    return [
        Shown(source=row.source, target=row.target, predicted=predicted, right=right, stopped=stopped)
        for row, predicted, right, stopped in answered
    ]


def typical(seeds: Sequence[SeedResult]) -> SeedResult:
    """The seed in the middle when they stand in order of exact match: the one whose answers are shown."""
    return sorted(seeds, key=lambda seed: (seed.exact_match, seed.seed))[(len(seeds) - 1) // 2]


def _loss(value: float | None) -> float:
    return float("inf") if value is None else value
