"""Training a planned run to its end, or until it is stopped."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from msgspec.structs import replace

from seqwright.core.errors import SeqwrightError, reason
from seqwright.runs.diagnosis import diagnose
from seqwright.runs.folder import Result, RunFolder
from seqwright.runs.learner import OUT_OF_TIME, Trainer
from seqwright.runs.page import write_curves
from seqwright.runs.plan import Plan
from seqwright.training.processes import Processes, joined


def train(
    plan: Plan, folder: RunFolder, *, resume: bool = False, device: str | None = None,
    note: Callable[[str], None] = lambda text: None, watch: Callable[[Trainer], None] = lambda learner: None,
    stop: Callable[[], bool] = lambda: False, minutes: float | None = None,
) -> Result | None:  # fmt: skip
    """Begin a planned run in an empty folder, or go on with it; ``None`` if it was stopped before its end."""
    manifest = plan.manifest
    with joined(device or manifest.device) as (processes, device):
        if not processes.first:
            return _learn(plan, folder, processes, device, watch, stop, minutes)
        with folder.locked():
            if not folder.manifest_file.exists():
                folder.begin(manifest, plan.data.vocabulary, plan.kept)
            elif not resume:
                raise SeqwrightError(
                    "another run has begun in this folder", where=str(folder.path), fix="name another one with --out"
                )
            try:
                folder.result_file.unlink(missing_ok=True)
                return _learn(plan, folder, processes, device, watch, stop, minutes)
            except OSError as error:
                raise SeqwrightError(
                    f"cannot be written: {reason(error)}; the last checkpoint is kept",
                    where=str(folder.path),
                    fix="make room, then go on with --resume",
                ) from error


def _learn(
    plan: Plan, folder: RunFolder, processes: Processes, device: str, watch: Callable[[Trainer], None],
    stop: Callable[[], bool], minutes: float | None,
) -> Result | None:  # fmt: skip
    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    learner = Trainer(folder, plan.manifest, plan.data, processes, device)
    result = learner.learn(watch=watch, stop=stop, seconds=None if minutes is None else 60 * minutes)
    if processes.first:
        if result is not None:
            result = replace(result, notes=diagnose(folder.lines(), result))
            folder.finish(result)
        write_curves(folder, plan.manifest, plan.data.summary, learner.standing.best_step or None, result)
    return result


def finished(folder: RunFolder, minutes: float | None) -> Result | None:
    """How a run ended, if it has, and more time is not what it lacked."""
    result = folder.result()
    if result is None or (result.why == OUT_OF_TIME and minutes is not None and 60 * minutes > result.seconds):
        return None
    return result
