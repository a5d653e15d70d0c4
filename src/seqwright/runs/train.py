"""Training a planned run to its end, or until it is stopped."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from msgspec.structs import replace

from seqwright.core.errors import SeqwrightError, reason
from seqwright.runs.diagnosis import diagnose
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Result
from seqwright.runs.page import write_curves
from seqwright.runs.plan import Plan
from seqwright.runs.training_run import OUT_OF_TIME, TrainingRun
from seqwright.training.processes import Processes, process_group


def train(
    plan: Plan, folder: RunFolder, *, resume: bool = False, device: str | None = None, minutes: float | None = None,
    watch: Callable[[TrainingRun], None] = lambda run: None, stop: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] = lambda text: None,
) -> Result | None:  # fmt: skip
    """Train a planned run; return how it ended, or ``None`` if it was stopped before its end.

    Args:
        plan, folder: the run.
        resume: continue the run in the folder; otherwise the folder must not hold one.
        device: the device to train on, if it is not the manifest's.
        minutes: the longest time to train, pauses not counted.
        watch: a function that is called after every step.
        stop: a function that is called before every step; training stops when it returns true, and can be continued.
        note: a function that is called with each message to the user.

    Raises:
        SeqwrightError: another run has begun in the folder, its checkpoint cannot be used, or a file cannot be written.
    """
    seconds = None if minutes is None else 60 * minutes

    def run(processes: Processes, device: str) -> Result | None:
        if device.startswith("cuda"):
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
        # the model draws from torch's own generator; whoever trains in Python finds it as it was
        with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
            training = TrainingRun(folder, plan.manifest, plan.data, processes, device, note)
            if processes.is_main:
                folder.result_file.unlink(missing_ok=True)
            result = training.train(watch=watch, stop=stop, seconds=seconds)
        if processes.is_main:
            if result is not None:
                result = replace(result, notes=diagnose(folder.lines(), result))
                folder.finish(result)
            write_curves(folder, plan.manifest, plan.data.summary, training.kept or None, result)
        return result

    with process_group(device or plan.manifest.device) as (processes, own_device):
        if not processes.is_main:
            return run(processes, own_device)
        with folder.locked():
            if not folder.manifest_file.exists():
                folder.begin(plan.manifest, plan.data.vocabulary, plan.kept)
            elif not resume:
                raise SeqwrightError(
                    "another run has begun in this folder", where=str(folder.path), fix="name another one with --out"
                )
            try:
                return run(processes, own_device)
            except OSError as error:
                raise SeqwrightError(
                    f"cannot be written: {reason(error)}; the last checkpoint is kept",
                    where=str(folder.path),
                    fix="make room, then go on with --resume",
                ) from error


def finished(folder: RunFolder, minutes: float | None) -> Result | None:
    """Return how a run ended, if it has, unless it ran out of time and is now given more."""
    result = folder.result()
    if result is None or (result.why == OUT_OF_TIME and minutes is not None and 60 * minutes > result.seconds):
        return None
    return result
