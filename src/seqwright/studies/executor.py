"""Independent pieces of work, spread over processes that may be killed at any moment."""

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
from typing import Any, Protocol, runtime_checkable

from seqwright.core.errors import SeqwrightError
from seqwright.studies.cell import Cell, CellResult, train_cell

MALLOC = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")

TRIES = 3
"""How often a piece may lose its process before the study gives up on it."""


@dataclass(frozen=True)
class WorkUnit:
    """Some seeds of a cell: the unit of work, and of what a kill can cost."""

    cell: Cell
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """The piece's name in files."""
        return f"{self.cell.key}.{self.seeds[0]}-{self.seeds[-1]}"

    @property
    def work(self) -> float:
        """How much there is to do, in steps of a model, each counted as much as it costs."""
        return self.cell.training.steps * len(self.seeds) * self.cell.cost


@runtime_checkable
class Executor(Protocol):
    """Those who do a study's pieces, wherever they are."""

    def finished(
        self, pieces: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, CellResult]]:
        """Do the pieces and yield each with its result as it ends.

        Args:
            pieces: what to do.
            device: where to train.
            tick: is told now and then how much work is done in the unfinished pieces.
        """
        ...


@dataclass(frozen=True)
class LocalExecutor:
    """So many processes of this machine."""

    workers: int

    def finished(
        self, pieces: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, CellResult]]:
        return finished(pieces, workers=self.workers, device=device, tick=tick)


def finished(
    pieces: Sequence[WorkUnit], *, workers: int, device: str, tick: Callable[[float], None]
) -> Iterator[tuple[WorkUnit, CellResult]]:
    """Do the pieces, longest first, and yield each with its result as it ends.

    A worker that dies takes at most its own piece with it: that piece is done again by a fresh one. When this process
    dies, the workers notice and end themselves.

    Args:
        pieces: what to do.
        workers: how many processes.
        device: where they train.
        tick: is told several times a second how much work is done in the unfinished pieces.

    Raises:
        SeqwrightError: a piece lost its process :data:`TRIES` times.
    """
    context = multiprocessing.get_context("spawn")
    # raw shared memory: a process killed while it writes can leave no lock behind
    done = context.RawArray("d", len(pieces))
    waiting = sorted(range(len(pieces)), key=lambda index: -pieces[index].work)
    lost = [0] * len(pieces)
    while waiting:
        try:
            with keeping_memory(), ProcessPoolExecutor(workers, context, _begin, (os.getpid(), done, workers)) as pool:
                running = {pool.submit(_work, pieces[index], index, device): index for index in waiting}
                while running:
                    ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in ended:
                        index = running[future]
                        result = future.result()
                        del running[future]
                        waiting.remove(index)
                        yield pieces[index], result
                    tick(sum(done[index] for index in waiting))
        except BrokenProcessPool:
            begun = [index for index in waiting if done[index] > 0]
            for index in begun or waiting[:1]:  # processes that die before they begin must not be started for ever
                lost[index] += 1
                done[index] = 0
                if lost[index] == TRIES:
                    raise SeqwrightError(
                        f"the process that trained {pieces[index].key} was killed {TRIES} times",
                        fix="it may need more memory than there is: give fewer --workers",
                    ) from None


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Processes started meanwhile keep freed memory rather than hand it back to the system at every training step.

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


def _begin(parent: int, done: Any, workers: int) -> None:
    """Prepare a worker: share the cores fairly, and never outlive the study."""
    import torch

    global _progress
    _progress = done
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(piece: WorkUnit, index: int, device: str) -> CellResult:
    each = piece.work / piece.cell.training.steps

    def progress(step: int) -> None:
        _progress[index] = step * each

    return train_cell(piece.cell, piece.seeds, device, progress)
