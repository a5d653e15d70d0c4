"""Progress bars on standard error, for work that takes longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqwright.runs.training_run import TrainingRun
    from seqwright.studies.executor import WorkUnit
    from seqwright.studies.experiment import Experiment
    from seqwright.training.trainer import TrainingSpec

PATIENCE = 2.0
"""Seconds before a bar appears."""

TICK = 0.2
"""Seconds between two updates of a bar."""


class _Bar:
    """A progress bar on standard error that appears when the work takes longer than :data:`PATIENCE`, and leaves no line."""

    def __init__(self, before: str, after: str, left: str, total: float | None, **fields: Any) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        times = TimeElapsedColumn(), TextColumn(left), TimeRemainingColumn()
        columns = TextColumn(before), BarColumn(), TextColumn(after), *times
        self.progress = Progress(*columns, console=self.console, transient=True)
        self.task = self.progress.add_task("", total=total, **fields)
        self.began = time.perf_counter()

    def update(self, done: float, **fields: Any) -> None:
        """Show the work done and the bar's other fields."""
        self.progress.update(self.task, completed=done, **fields)
        if not self.progress.live.is_started and time.perf_counter() - self.began > PATIENCE:
            self.progress.start()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.progress.live.is_started:  # stopping a bar that never started would print an empty line
            self.progress.stop()


@contextmanager
def study_progress(what: str) -> Iterator[Callable[[float, float, int, int], None]]:
    """Yield a function of (steps done, steps in all, units done, units in all) that updates a progress bar."""
    with _Bar(what, "{task.percentage:3.0f}%  {task.fields[units]}", "left", None, units="") as bar:
        yield lambda done, total, units, all_units: bar.update(
            done, total=total, units=f"{units}/{all_units} work units"
        )


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
    shown, printed = time.perf_counter(), -1
    steps, losses = (
        "step {task.completed:,}/{task.total:,}",
        "epoch {task.fields[epoch]:.1f}  loss {task.fields[loss]:.3f}",
    )
    with _Bar(steps, losses, "at most", training.steps, epoch=0.0, loss=0.0) as bar:

        def watch(run: TrainingRun) -> None:
            nonlocal shown, printed
            if run.evaluated != printed:
                printed = run.evaluated
                bar.console.print(run.news)
            if time.perf_counter() - shown >= TICK or run.trainer.step == training.steps:
                shown = time.perf_counter()
                bar.update(run.trainer.step, epoch=run.sampler.epochs, loss=run.loss)

        yield watch
