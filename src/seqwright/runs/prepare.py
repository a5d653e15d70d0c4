"""From a file, or pairs in memory, to a plan and a folder for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.data.lines import as_file
from seqwright.data.options import PreprocessingOptions
from seqwright.runs.folder import KEPT_DATA, RunFolder
from seqwright.runs.plan import Plan, default_folder, plan_pairs, plan_text
from seqwright.training.device import checked_device
from seqwright.training.processes import is_distributed, is_main_process

SEEDS = 2**31
"""How many seeds there are."""


def begin(
    data: str | Path | Iterable[tuple[str, str]],
    options: PreprocessingOptions,
    *,
    dev: str | Path | Iterable[tuple[str, str]] | None = None,
    out: str | Path | None = None,
    model: str | None = None,
    edits: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    command: Sequence[str] = (),
) -> tuple[Plan, RunFolder]:
    """Plan a run and find its folder. Nothing is written but data that could not be read a second time.

    Args:
        data, dev: files, ``-`` for standard input, or pairs of texts; these two kinds are kept inside the run.
        options: how they are read.
        out: the run's folder; one named after the data if left out.
        model, edits, seed, device, command: see :func:`seqwright.runs.plan.plan_pairs`.
    """
    checked_device(device)
    if not 0 <= seed < SEEDS:
        raise SeqwrightError(f"--seed {seed} is out of range", fix=f"give a number from 0 to {SEEDS - 1}")
    named = str(data) if isinstance(data, str | Path) else "pairs"
    if out is None and is_distributed():
        raise SeqwrightError(
            "several processes train together, and each must know the folder", fix="name it with --out"
        )
    path = Path(out) if out is not None else default_folder(named)
    folder = RunFolder.free(path) if is_main_process() else RunFolder(path)
    with tempfile.TemporaryDirectory(prefix="seqwright-") as spool:
        held = {name: _held(given, Path(spool) / name) for name, given in (("train", data), ("dev", dev))}
        paths = {name: path for name, (path, _) in held.items()}
        assert paths["train"] is not None, "there is data"
        names = {str(path): _name(data, name) for name, (path, spooled) in held.items() if spooled}
        plan_of = plan_text if options.text else plan_pairs
        try:
            reading = options.preprocessing(paths["train"])
            plan = plan_of(
                reading,
                paths["train"],
                paths["dev"],
                model=model,
                edits=edits,
                seed=seed,
                device=device,
                command=command,
            )
        except SeqwrightError as error:
            raise SeqwrightError(error.what, where=_known(error.where, names), fix=error.fix) from error
        plan.data.summary[:] = [_known(line, names) for line in plan.data.summary]
        kept = {name: path for name, (path, spooled) in held.items() if spooled and path is not None}
        for path in kept.values():
            folder.keep(path.name, path.read_bytes())
    return plan.reading_from({name: f"{KEPT_DATA}/{path.name}" for name, path in kept.items()}), folder


def _held(given: str | Path | Iterable[tuple[str, str]] | None, copy: Path) -> tuple[Path | None, bool]:
    """A path to read from, and whether it is a copy."""
    if given is None:
        return None, False
    if isinstance(given, str | Path):
        return as_file(given, copy), str(given) == "-"
    path = copy.with_suffix(".jsonl")
    with path.open("wb") as file:
        for source, target in given:
            file.write(msgspec.json.encode({"source": source, "target": target}) + b"\n")
    return path, True


def _name(data: object, side: str) -> str:
    """What people call data that is not in a file of theirs."""
    return "standard input" if isinstance(data, str | Path) else f"these pairs ({side})"


def _known(text: str, names: dict[str, str]) -> str:
    """A text that speaks of copies, speaking of what they are copies of."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text
