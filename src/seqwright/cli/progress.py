"""Progress bars on standard error, for whatever takes longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 2.0
"""Seconds before a bar appears."""


@contextmanager
def watching(what: str) -> Iterator[Callable[[float, float, int, int], None]]:
    """A function to be told (steps done, steps in all, pieces done, pieces in all), shown as a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%  {task.fields[pieces]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    began = time.perf_counter()
    line = bar.add_task(what, total=None, pieces="")

    def watch(done: float, total: float, pieces: int, all_pieces: int) -> None:
        bar.update(line, completed=done, total=total, pieces=f"{pieces}/{all_pieces} pieces")
        if not bar.live.is_started and time.perf_counter() - began > PATIENCE:
            bar.start()

    try:
        yield watch
    finally:
        if bar.live.is_started:  # stopping one that never started would print an empty line
            bar.stop()
