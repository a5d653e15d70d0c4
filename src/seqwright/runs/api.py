"""Train from Python: the command's verbs as functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.runs.folder import RunFolder
from seqwright.runs.options import PreprocessingOptions
from seqwright.runs.plan import plan_again
from seqwright.runs.prepare import begin
from seqwright.runs.run import Run, load
from seqwright.runs.train import finished
from seqwright.runs.train import train as train_plan


def train(
    data: str | Path | Iterable[tuple[str, str]],
    *,
    dev: str | Path | Iterable[tuple[str, str]] | None = None,
    out: str | Path | None = None,
    model: str | None = None,
    edits: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    max_minutes: float | None = None,
    **reading: Any,
) -> Run:
    """Train a model on one's own sequences, as ``seqwright train`` does, and return the run.

    Args:
        data: a file, or pairs of texts; pairs are kept inside the run.
        dev: rows to choose the weights by; a tenth of the data, held out, if left out.
        out: the run's folder; ``seqwright-out/NAME`` if left out.
        model: a file with a model's spec, or the name of one.
        edits: ``path=value`` for any setting, as ``--set`` takes them.
        seed: decides parameters, order, dropout and what is held out.
        device: ``cpu`` or ``cuda``.
        max_minutes: train no longer than this.
        reading: how the data is read (:class:`seqwright.runs.options.PreprocessingOptions`), such as ``split_target_on=" "``.

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
    plan, folder = begin(
        data, PreprocessingOptions(**reading), dev=dev, out=out, model=model, edits=edits, seed=seed, device=device,
        command=["# from Python"],
    )  # fmt: skip
    train_plan(plan, folder, minutes=max_minutes)
    return load(folder.path, device=device)


def resume(path: str | Path, *, max_minutes: float | None = None) -> Run:
    """Go on with a run that was stopped, exactly where it was, as ``seqwright train --resume`` does.

    Raises:
        SeqwrightError: the folder is no run, or its data has changed.
    """
    folder = RunFolder.existing(path)
    if finished(folder, max_minutes) is None:
        train_plan(plan_again(folder), folder, resume=True, minutes=max_minutes)
    if not folder.best.exists():
        raise SeqwrightError("the run has no weights yet", where=str(path), fix="give it more minutes")
    return load(path, device=folder.manifest().device)
