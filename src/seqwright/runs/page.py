"""The pages of a run: its curves, and an evaluation of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.core.spec import Spec
from seqwright.report.evaluation import evaluation_page
from seqwright.report.runs import curves_page
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Manifest, Result


def write_curves(
    folder: RunFolder, manifest: Manifest, summary: Sequence[str], best_step: int | None, result: Result | None
) -> None:
    """Write the run's ``report.html``; ``best_step`` is the step of the weights that are kept so far."""
    page = curves_page(
        folder.lines(),
        title=f"Run {folder.path.name}",
        settings=manifest.recipe.settings(),
        data=[_named(line) for line in summary],
        facts=[
            ("command", "seqwright " + shlex.join(manifest.command)),
            ("seed", str(manifest.seed)),
            ("device", f"{manifest.device}, torch {manifest.torch}"),
            ("keeps", manifest.recipe.evaluation.description),
            ("ended", result.why if result else "not yet: continue it with --resume"),
        ],
        notes=result.notes if result else [],
        best_step=best_step,
    )
    write_atomically(folder.report, page.html())


def write_evaluation(path: Path, measured: Spec, run: Path, file: Path) -> None:
    """Write an evaluation as a page."""
    page = evaluation_page(
        msgspec.to_builtins(measured),
        title=f"{run.name} on {file.name}",
        facts=[("run", str(run)), ("file", str(file))],
    )
    try:
        write_atomically(path, page.html())
    except OSError as error:
        raise SeqwrightError(f"cannot be written: {reason(error)}", where=str(path), fix="name another file") from error


def _named(line: str) -> tuple[str, str]:
    name, _, text = line.partition(": ")
    return name, text
