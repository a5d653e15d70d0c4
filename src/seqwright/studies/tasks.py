"""Tasks by their names on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqwright.core.edits import edited
from seqwright.core.errors import SeqwrightError
from seqwright.core.place import kinds
from seqwright.report.formatting import listing
from seqwright.tasks.algorithmic import Task

LENGTH = 6
"""The length of the example row of each task."""


def every_task() -> dict[str, Task]:
    """Return each task with its default settings, by its name."""
    return {task.name: task for task in (kind() for kind in kinds(Task).values())}


def task_called(text: str) -> Task:
    """Return the task of a name, with settings after a colon.

    >>> task_called("copy:symbols=4")
    Copy(symbols=4)

    Raises:
        SeqwrightError: there is no such task, or no such setting.
    """
    name, _, settings = text.partition(":")
    known = every_task()
    if name not in known:
        raise SeqwrightError(f"--task {name} is not known", fix=f"the tasks are {listing(known)}")
    return edited(known[name], settings.split(",") if settings else [], prefix=f"--task {name}:")  # pyright: ignore[reportArgumentType]


def described() -> Iterator[tuple[str, str, str]]:
    """Yield each task's name, an example row, and what it is."""
    for name, task in every_task().items():
        source = task.source(max(LENGTH, task.shortest), np.random.default_rng(0))
        about = " ".join((type(task).__doc__ or "").partition("\n\n")[0].split())
        yield name, f"{' '.join(source)} → {' '.join(task.answer(source))}", about
