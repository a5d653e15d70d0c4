"""Tasks by their names on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from seqwright.core.edits import made
from seqwright.core.errors import SeqwrightError
from seqwright.core.place import kinds
from seqwright.report.formatting import listing
from seqwright.tasks.algorithmic import Task
from seqwright.tasks.task import task_name

LENGTH = 6
"""The length of the example row of each task."""


def every_task() -> dict[str, type[Any]]:
    """Return each kind of task by its name."""
    return {task_name(kind): kind for kind in kinds(Task).values()}


def task_called(text: str) -> Task:
    """Return the task of a name, with settings after a colon.

    >>> task_called("copy:symbols=4")
    Copy(symbols=4)

    Raises:
        SeqwrightError: there is no such task or no such setting, or a setting without a default is missing.
    """
    name, _, settings = text.partition(":")
    known = every_task()
    if name not in known:
        raise SeqwrightError(f"--task {name} is not known", fix=f"the tasks are {listing(known)}")
    return made(known[name], settings.split(",") if settings else [], prefix=f"--task {name}:")


def described() -> Iterator[tuple[str, str, str]]:
    """Yield each task's name, an example row (or the settings that it needs), and what it is."""
    for name, kind in every_task().items():
        about = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
        required = [field.name for field in msgspec.structs.fields(kind) if field.required]
        yield name, f"needs {listing(required)}" if required else _example(kind()), about


def _example(task: Task) -> str:
    source = task.source(max(LENGTH, task.shortest), np.random.default_rng(0))
    return f"{' '.join(source)} → {' '.join(task.answer(source))}"
