"""Loading a run for a command that answers with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqwright.runs.run import Run


def load_run(path: Path | str, device: str = "cpu") -> Run:
    """Load a run, and print which of its modules have changed since it was trained.

    Raises:
        SeqwrightError: the folder is no run, is damaged, or has no weights yet; or there is no such device.
    """
    from seqwright.core.imports import changed_modules
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    run = load(path, device=checked_device(device))
    for name in changed_modules(run.manifest.imports):
        print(f"seqwright: {name} has changed since the run was trained: its answers may differ", file=sys.stderr)
    return run
