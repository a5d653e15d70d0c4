"""The engine of every study: cells are cut into work units, done, kept, and joined in one table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seqwright import __version__
from seqwright.studies.cell import Cell, pace
from seqwright.studies.executor import Executor, LocalExecutor, WorkUnit
from seqwright.studies.store import Store
from seqwright.studies.table import ResultTable

SEEDS_PER_UNIT = {"cpu": 16, "cuda": 1024}
"""The number of models that train side by side. More would not be faster on a CPU, and a kill would cost more."""


@dataclass(frozen=True)
class Experiment:
    """Cells, and the number of seeds that each is trained with."""

    name: str
    cells: tuple[Cell, ...]
    seeds: int
    device: str = "cpu"

    def units(self) -> list[WorkUnit]:
        """Cut the work into units, the same way whenever and by however many workers it is done."""
        size = SEEDS_PER_UNIT[self.device.partition(":")[0]]
        starts = range(0, self.seeds, size)
        return [
            WorkUnit(cell, tuple(range(start, min(start + size, self.seeds))))
            for cell in self.cells
            for start in starts
        ]

    def seconds(self, units: Sequence[WorkUnit], *, workers: int | None = None) -> float:
        """Estimate the time that some units will take here: a few steps of one of middling cost are timed."""
        tried = sorted(units, key=lambda unit: unit.cell.cost)[len(units) // 2]
        each = pace(tried.cell, tried.seeds, self.device) / (tried.cell.cost * len(tried.seeds))
        return each * sum(unit.work for unit in units) / self.processes(workers)

    def processes(self, workers: int | None) -> int:
        """Return the number of processes: by default one a core, one on a GPU."""
        return workers or (1 if self.device != "cpu" else os.cpu_count() or 1)

    def manifest(self) -> dict[str, object]:
        """Return what identifies this study: a folder belongs to exactly one."""
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
        announce: Callable[[Sequence[WorkUnit]], None] = lambda todo: None,
        progress: Callable[[float, float, int, int], None] = lambda done, total, units, all_units: None,
    ) -> ResultTable:
        """Do what is not yet done in ``out`` and join all results.

        Args:
            out: the study's folder; made if need be.
            workers: processes; one a core if left out, one on a GPU.
            executor: does the work, if not processes of this machine.
            announce: called with the units left to do, before any of them is done.
            progress: called with the work done and in all, and the units done and in all.

        Raises:
            SeqwrightError: a model cannot be built, the folder cannot be used, or a worker keeps dying.
        """
        with torch.device("meta"):  # what does not fit is reported before anything is trained
            for cell in self.cells:
                cell.spec.checked().build()  # pyright: ignore[reportAttributeAccessIssue]  # every family is a Spec too
        units = self.units()
        with Store(out, self.manifest()) as store:
            results = {unit.key: store.load(unit.key) for unit in units}
            todo = [unit for unit in units if results[unit.key] is None]
            total = sum(unit.work for unit in units)
            kept = total - sum(unit.work for unit in todo)

            def tick(running: float) -> None:
                progress(kept + running, total, len(units) - len(todo), len(units))

            announce(todo)
            tick(0)
            executor = executor or LocalExecutor(self.processes(workers))
            for unit, result in executor.finished(list(todo), self.device, tick):
                store.save(unit.key, result)
                results[unit.key] = result
                todo.remove(unit)
                kept += unit.work
        return ResultTable.joined([result for unit in units if (result := results[unit.key])])


def _written(cell: Cell) -> str:
    settings = [cell.spec.to_json(), cell.training.to_json(), cell.batching.to_json()]  # pyright: ignore[reportAttributeAccessIssue]  # every batching is a Spec too
    return "\n".join([cell.key, *settings, repr(cell.data), repr(cell.padding), *map(repr, cell.measures)])
