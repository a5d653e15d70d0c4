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
from seqwright.evaluation.ranges import Range
from seqwright.evaluation.signature import SIGNATURES, name
from seqwright.nn.transformer import TransformerSpec
from seqwright.studies.cell import Cell, CellResult, SeedResult
from seqwright.studies.store import Store
from seqwright.studies.workers import Piece, finished
from seqwright.tasks.task import spell

SEEDS_A_PIECE = {"cpu": 16, "cuda": 1024}
"""How many members train side by side. More would not be faster on a CPU, and a kill would cost more."""


class Shown(Spec, tag=False):
    """An example answer; one that did not stop by itself was cut at the length limit."""

    source: str
    target: str
    predicted: str
    right: bool
    stopped: bool


class Row(Spec, tag=False):
    """A cell's results over all seeds: one row of the table.

    ``per_task`` is the fraction of seeds that answer each sequence, ``signatures`` the number of seeds that carry each
    name, ``answers`` those of a typical seed, ``curve`` the training loss at ``steps``; ``losses`` and
    ``matches`` are each seed's last training loss and exact match.
    """

    rung: str
    variant: str
    task: str
    spec: TransformerSpec
    parameters: int
    train_loss: Range
    eval_loss: Range
    exact_match: Range
    exact_match_alone: Range
    per_task: dict[str, float]
    signatures: dict[str, int]
    answers: list[Shown]
    steps: list[int]
    curve: list[Range]
    losses: list[float]
    matches: list[float]
    seconds: float


class Claim(Spec, tag=False):
    """A sentence of somebody's, held against what was measured."""

    claim: str
    paper: str
    measured: str
    verdict: str
    evidence: str


class StudyResult(Spec, tag=False):
    """All that a study found: what ``--json`` prints and ``results.json`` holds.

    ``seconds`` is the work of all processes added up, so a study that was killed and went on says the same.
    """

    study: str
    seeds: int
    seconds: float
    rungs: list[Row]
    claims: list[Claim]


@dataclass(frozen=True)
class Study:
    """Cells, and the seeds each is trained with."""

    name: str
    cells: tuple[Cell, ...]
    seeds: int
    device: str = "cpu"

    def pieces(self) -> list[Piece]:
        """The work, cut the same way whenever and by however many workers it is done."""
        size = SEEDS_A_PIECE[self.device.partition(":")[0]]
        starts = range(0, self.seeds, size)
        return [
            Piece(cell, tuple(range(start, min(start + size, self.seeds)))) for cell in self.cells for start in starts
        ]

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
        watch: Callable[[float, float, int, int], None] = lambda done, total, cells, all_cells: None,
    ) -> list[Row]:
        """Do what is not yet done in ``out`` and gather all of it.

        Args:
            out: the study's folder; made if need be.
            workers: processes; one a core if left out, one on a GPU.
            watch: is told model-steps done and in all, and pieces done and in all.

        Raises:
            SeqwrightError: the folder cannot be used, or a worker keeps dying.
        """
        pieces = self.pieces()
        with opened(out, self.manifest()) as store:
            results = {piece.key: store.load(piece.key) for piece in pieces}
            todo = [piece for piece in pieces if results[piece.key] is None]
            total = sum(piece.work for piece in pieces)
            kept = total - sum(piece.work for piece in todo)
            count = workers or (1 if self.device != "cpu" else os.cpu_count() or 1)

            def tick(running: float) -> None:
                watch(kept + running, total, len(pieces) - len(todo), len(pieces))

            tick(0)
            for piece, result in finished(list(todo), workers=count, device=self.device, tick=tick):
                store.save(piece.key, result)
                results[piece.key] = result
                todo.remove(piece)
                kept += piece.work
        return [
            gather(cell, [done for piece in pieces if piece.cell is cell and (done := results[piece.key])])
            for cell in self.cells
        ]


def _written(cell: Cell) -> str:
    settings = [cell.spec.to_json(), cell.training.to_json(), cell.batching.to_json()]
    return "\n".join([cell.key, *settings, repr(cell.data), repr(cell.padding)])


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
    seeds = [seed for result in results for seed in result.seeds]
    curves = [curve for result in results for curve in result.curves]
    points = range(len(results[0].steps))
    return Row(
        rung=cell.rung,
        variant=cell.variant,
        task=cell.data.name,
        spec=cell.spec,
        parameters=results[0].parameters,
        train_loss=Range.of([_loss(seed.train_loss) for seed in seeds]),
        eval_loss=Range.of([_loss(seed.eval_loss) for seed in seeds]),
        exact_match=Range.of([seed.exact_match for seed in seeds]),
        exact_match_alone=Range.of([seed.exact_match_alone for seed in seeds]),
        per_task={
            f"{spell(pair.source)}→{spell(pair.target)}": sum(seed.right[index] for seed in seeds) / len(seeds)
            for index, pair in enumerate(cell.data.test)
        },
        signatures={
            name(signature): sum(name(signature) in seed.signatures for seed in seeds) for signature in SIGNATURES
        },
        answers=shown(cell, typical(seeds)),
        steps=results[0].steps,
        curve=[Range.of([_loss(curve[point]) for curve in curves]) for point in points],
        losses=[_loss(seed.train_loss) for seed in seeds],
        matches=[seed.exact_match for seed in seeds],
        seconds=sum(result.seconds for result in results),
    )


def shown(cell: Cell, seed: SeedResult) -> list[Shown]:
    """One seed's answers to everything it was asked."""
    asked = zip(cell.data.test, seed.predicted, seed.right, seed.stopped, strict=True)
    return [
        Shown(source=spell(pair.source), target=spell(pair.target), predicted=predicted, right=right, stopped=stopped)
        for pair, predicted, right, stopped in asked
    ]


def typical(seeds: Sequence[SeedResult]) -> SeedResult:
    """The seed in the middle when they stand in order of exact match: the one whose answers are shown."""
    return sorted(seeds, key=lambda seed: (seed.exact_match, seed.seed))[(len(seeds) - 1) // 2]


def _loss(value: float | None) -> float:
    return float("inf") if value is None else value
