"""Execution of independent work units in processes that may be killed at any moment."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from seqwright.core.errors import SeqwrightError
from seqwright.core.imports import files_of_classes, import_module_of_parts
from seqwright.studies.cell import Cell, train_cell
from seqwright.studies.table import ResultTable

MALLOC = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")

TRIES = 3
"""The number of processes that a work unit may lose before the study gives up on it."""


@dataclass(frozen=True)
class WorkUnit:
    """Some seeds of a cell: the unit of work, and the most that a kill can cost."""

    cell: Cell
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """The unit's name in files."""
        return f"{self.cell.key}.{self.seeds[0]}-{self.seeds[-1]}"

    @property
    def work(self) -> float:
        """The amount of work: steps of a model, weighted by their cost."""
        return self.cell.training.steps * len(self.seeds) * self.cell.cost


@runtime_checkable
class Executor(Protocol):
    """An executor of a study's work units, here or elsewhere."""

    def finished(
        self, units: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, ResultTable]]:
        """Do the units and yield each with its results as it ends.

        Args:
            units: the work to do.
            device: where to train.
            tick: called now and then with the amount of work done in the unfinished units.
        """
        ...


@dataclass(frozen=True)
class LocalExecutor:
    """Processes on this machine."""

    workers: int

    def finished(
        self, units: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, ResultTable]]:
        """Do the units, longest first, and yield each with its results as it ends.

        A worker that dies takes at most its own unit with it: a fresh worker does that unit again. When this process dies, the
        workers notice and end themselves. ``tick`` is called several times a second.

        Raises:
            SeqwrightError: a unit lost its process :data:`TRIES` times.
        """
        context = multiprocessing.get_context("spawn")
        # raw shared memory: a process killed while it writes can leave no lock behind
        done = context.RawArray("d", len(units))
        begin = (os.getpid(), done, self.workers, files_of_classes(units))
        pool_of = partial(ProcessPoolExecutor, self.workers, context, _begin, begin)
        waiting = sorted(range(len(units)), key=lambda index: -units[index].work)
        lost = [0] * len(units)
        while waiting:
            try:
                with keeping_memory(), pool_of() as pool:
                    running = {pool.submit(_work, units[index], index, device): index for index in waiting}
                    while running:
                        ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                        for future in ended:
                            index = running[future]
                            result = future.result()
                            del running[future]
                            waiting.remove(index)
                            yield units[index], result
                        tick(sum(done[index] for index in waiting))
            except BrokenProcessPool:
                begun = [index for index in waiting if done[index] > 0]
                for index in begun or waiting[:1]:  # processes that die before they begin must not be started for ever
                    lost[index] += 1
                    done[index] = 0
                    if lost[index] == TRIES:
                        raise SeqwrightError(
                            f"the process that trained {units[index].key} was killed {TRIES} times",
                            fix="it may need more memory than there is: give fewer --workers",
                        ) from None


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Make processes started within it keep freed memory instead of returning it to the system at every training step.

    Training frees and takes the same megabytes thousands of times a second, and each time the system would map fresh
    pages. The C library reads these variables as a process starts; others than glibc ignore them.
    """
    before = {name: os.environ.get(name) for name in MALLOC}
    os.environ.update({name: str(2**30) for name in MALLOC})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_progress: Any = None


def _begin(parent: int, done: Any, workers: int, files: Sequence[str]) -> None:
    """Prepare a worker: share the cores fairly, never outlive the study, and import the files of a user's own parts."""
    import torch

    global _progress
    _progress = done
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for file in files:
        import_module_of_parts(file)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(unit: WorkUnit, index: int, device: str) -> ResultTable:
    each = unit.work / unit.cell.training.steps

    def progress(step: int) -> None:
        _progress[index] = step * each

    return train_cell(unit.cell, unit.seeds, device, progress)
