"""Training from Python: the verbs of the command line as functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.data.options import PreprocessingOptions
from seqwright.goals.goal import Goal
from seqwright.runs.folder import RunFolder
from seqwright.runs.plan import plan_again
from seqwright.runs.prepare import prepare
from seqwright.runs.run import Run, load
from seqwright.runs.train import finished
from seqwright.runs.train import train as train_run
from seqwright.training.device import available_device, checked_device


def train(
    data: str | Path | Iterable[tuple[str, str]],
    *,
    dev: str | Path | Iterable[tuple[str, str]] | None = None,
    goal: str | Goal | None = None,
    out: str | Path | None = None,
    model: str | None = None,
    edits: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    max_minutes: float | None = None,
    **preprocessing: Any,
) -> Run:
    """Train a model on one's own sequences, as ``seqwright train`` does, and return the run.

    Args:
        data: a file, or pairs of texts; pairs are kept inside the run.
        dev: rows that decide which weights are kept; a tenth of the data, held out, if left out.
        goal: the goal of training, its name, or its JSON; answering sources if left out.
        out: the run's folder; ``seqwright-out/NAME`` if left out.
        model: a file with a model's spec, or a name (:func:`seqwright.runs.plan.with_model`).
        edits: ``path=value`` for any setting, as ``--set`` takes them.
        seed: decides parameters, order, dropout and the rows that are held out.
        device: ``cpu`` or ``cuda``.
        max_minutes: the longest time to train.
        preprocessing: how the data is read (:class:`seqwright.data.options.PreprocessingOptions`), such as
            ``split_target_on=" "``.

    Raises:
        SeqwrightError: the data cannot be read, a setting does not fit, the folder is taken, or a loss is not a number.

    >>> import tempfile
    >>> calls = [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("owl", "hoot"), ("duck", "quack"), ("bee", "buzz")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train(calls, dev=calls, out=folder + "/run", edits=["training.steps=2", "model.width=8"])
    ...     answers = run.predict(["cat", "owl"])
    >>> len(answers)
    2
    """
    plan, folder = prepare(
        data, PreprocessingOptions(**preprocessing), dev=dev, goal=goal, out=out, model=model, edits=edits, seed=seed,
        device=device, command=["# from Python"],
    )  # fmt: skip
    train_run(plan, folder, minutes=max_minutes)
    return load(folder.path, device=device)


def resume(
    path: str | Path, *, data: str | Path | None = None, dev: str | Path | None = None, device: str | None = None,
    max_minutes: float | None = None,
) -> Run:  # fmt: skip
    """Continue a run that was stopped, exactly where it was, as ``seqwright train --resume`` does.

    Args:
        path: the run's folder.
        data, dev: the run's files, where they were moved.
        device: the device to train on, if it is not the run's; where there is no CUDA, a CUDA run continues on the CPU.
        max_minutes: the longest time to train, earlier training counted.

    Raises:
        SeqwrightError: the folder is no run, or its data is missing or has changed.
    """
    folder = RunFolder.existing(path)
    device = checked_device(device) if device is not None else available_device(folder.manifest().device)
    if finished(folder, max_minutes) is None:
        plan = plan_again(folder, data=None if data is None else Path(data), dev=None if dev is None else Path(dev))
        train_run(plan, folder, resume=True, device=device, minutes=max_minutes)
    if not folder.best.exists():
        raise SeqwrightError("the run has no weights yet", where=str(path), fix="give it more minutes")
    return load(path, device=device)
