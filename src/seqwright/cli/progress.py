"""Progress bars on standard error, for work that takes longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from seqwright.runs.training_run import TrainingRun
    from seqwright.studies.executor import WorkUnit
    from seqwright.studies.experiment import Experiment
    from seqwright.training.trainer import TrainingSpec

PATIENCE = 2.0
"""Seconds before a bar appears."""

TICK = 0.2
"""Seconds between two updates of a bar."""


@contextmanager
def watching(what: str) -> Iterator[Callable[[float, float, int, int], None]]:
    """Yield a function of (steps done, steps in all, units done, units in all) that updates a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%  {task.fields[units]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    began = time.perf_counter()
    line = bar.add_task(what, total=None, units="")

    def watch(done: float, total: float, units: int, all_units: int) -> None:
        bar.update(line, completed=done, total=total, units=f"{units}/{all_units} work units")
        if not bar.live.is_started and time.perf_counter() - began > PATIENCE:
            bar.start()

    with _stopped(bar):
        yield watch


def print_estimate(study: Experiment, workers: int | None) -> Callable[[Sequence[WorkUnit]], None]:
    """Return a function of the work units left to do, which prints how many they are and the estimated time."""
    from rich.console import Console

    from seqwright.report.formatting import count

    def estimate(todo: Sequence[WorkUnit]) -> None:
        units = study.units()
        work = f"{count(len(study.cells), 'cell')} × {count(study.seeds, 'seed')} in {count(len(units), 'work unit')}"
        left = f", {len(todo):,} left to do" if len(todo) < len(units) else ""
        time = _duration(study.seconds(todo, workers=workers)) if todo else "all is done already"
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"{work}{left}: {time}")

    return estimate


def _duration(seconds: float) -> str:
    """Return a duration in words.

    >>> _duration(20), _duration(70), _duration(600), _duration(9000)
    ('less than a minute', 'about 1 minute', 'about 10 minutes', 'about 2.5 hours')
    """
    from seqwright.report.formatting import count

    if seconds < 60:
        return "less than a minute"
    minutes = seconds / 60
    return f"about {count(round(minutes), 'minute')}" if minutes < 90 else f"about {minutes / 60:.1f} hours"


@contextmanager
def training_progress(training: TrainingSpec, *, quiet: bool) -> Iterator[Callable[[TrainingRun], None]]:
    """Yield a function to call after every step: it updates a bar and prints a line for each evaluation."""
    if quiet:
        yield lambda run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    bar = Progress(
        TextColumn("step {task.completed:,}/{task.total:,}"),
        BarColumn(),
        TextColumn("epoch {task.fields[epoch]:.1f}  loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TextColumn("at most"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    line = bar.add_task("", total=training.steps, epoch=0.0, loss=0.0)
    began = shown = time.perf_counter()
    printed = -1

    def watch(run: TrainingRun) -> None:
        nonlocal shown, printed
        now = time.perf_counter()
        if run.evaluated != printed:
            printed = run.evaluated
            console.print(run.news)
        if now - shown < TICK and run.trainer.step < training.steps:
            return
        shown = now
        bar.update(line, completed=run.trainer.step, epoch=run.sampler.epochs, loss=run.loss)
        if not bar.live.is_started and now - began > PATIENCE:
            bar.start()

    with _stopped(bar):
        yield watch


@contextmanager
def _stopped(bar: Progress) -> Iterator[None]:
    """Remove the bar afterwards; stopping a bar that never started would print an empty line."""
    try:
        yield
    finally:
        if bar.live.is_started:
            bar.stop()
