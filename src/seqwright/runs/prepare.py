"""Preparing a new run: from a file, standard input or pairs in memory to a plan and a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import part_from_json, vary
from seqwright.data.lines import as_file
from seqwright.data.options import PreprocessingOptions
from seqwright.goals.goal import Goal
from seqwright.runs.folder import KEPT_DATA, RunFolder
from seqwright.runs.plan import Plan, plan_run
from seqwright.training.device import checked_device
from seqwright.training.processes import is_distributed, is_main_process

SEEDS = 2**31
"""The number of seeds."""


def prepare(
    data: str | Path | Iterable[tuple[str, str]],
    options: PreprocessingOptions,
    *,
    goal: str | Goal | None = None,
    dev: str | Path | Iterable[tuple[str, str]] | None = None,
    out: str | Path | None = None,
    model: str | None = None,
    edits: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    command: Sequence[str] = (),
) -> tuple[Plan, RunFolder]:
    """Plan a run and find its folder. Only a folder without a name of its own is made already; nothing is written into it.

    Args:
        data, dev: files, ``-`` for standard input, or pairs of texts; these two kinds are kept inside the run.
        options: how they are read.
        goal: the goal of training, its name, or its JSON; by ``options.text`` if left out.
        out: the run's folder; one named after the data if left out.
        model, edits, seed, device, command: see :func:`seqwright.runs.plan.plan_run`.
    """
    checked_device(device)
    if not 0 <= seed < SEEDS:
        raise SeqwrightError(f"--seed {seed} is out of range", fix=f"give a number from 0 to {SEEDS - 1}")
    if out is None and is_distributed():
        raise SeqwrightError(
            "several processes train together, and each must know the folder", fix="name it with --out"
        )
    if out is not None and is_main_process():
        RunFolder.free(Path(out))  # so that a mistake costs no time; training looks again when it begins
    goal = goal_called(goal, text=options.text)
    options = replace(options, text=goal.reads_text)
    with tempfile.TemporaryDirectory(prefix="seqwright-") as spool:
        files = {name: _file(given, Path(spool) / name) for name, given in (("train", data), ("dev", dev))}
        (path, _), (dev_path, _) = files["train"], files["dev"]
        assert path is not None, "there is data"
        names = {str(file): _name(data, side) for side, (file, copied) in files.items() if copied}
        try:
            plan = plan_run(
                goal, options.preprocessing(path), path, dev_path,
                model=model, edits=edits, seed=seed, device=device, command=command,
            )  # fmt: skip
        except SeqwrightError as error:
            raise SeqwrightError(error.what, where=_named(error.where, names), fix=error.fix) from error
        plan.data.summary[:] = [_named(line, names) for line in plan.data.summary]
        kept = {side: file for side, (file, copied) in files.items() if copied and file is not None}
        plan = _keeping(plan, kept)
    if out is not None:
        return plan, RunFolder(Path(out))
    return plan, RunFolder.claimed(Path("seqwright-out") / _stem(data))


def goal_called(goal: str | Goal | None, *, text: bool) -> Goal:
    """Return a goal by its name or its JSON; if none is given, that of running text or of pairs.

    Raises:
        SeqwrightError: there is no such goal, or another kind of data is named beside it.
    """
    if isinstance(goal, Goal):
        return goal
    name = goal or ("Continuation" if text else "Transduction")
    found = part_from_json(Goal, name if name.startswith("{") else msgspec.json.encode({"type": name}))
    if text and not found.reads_text:
        raise SeqwrightError(f"{type(found).__name__} is for pairs, not for --text", fix="leave --text or --goal out")
    return found


def _file(given: str | Path | Iterable[tuple[str, str]] | None, copy: Path) -> tuple[Path | None, bool]:
    """Return a path to read from, and whether it is a copy."""
    if given is None:
        return None, False
    if isinstance(given, str | Path):
        return as_file(given, copy), str(given) == "-"
    path = copy.with_suffix(".jsonl")
    with path.open("wb") as file:
        for source, target in given:
            file.write(msgspec.json.encode({"source": source, "target": target}) + b"\n")
    return path, True


def _keeping(plan: Plan, kept: dict[str, Path]) -> Plan:
    """Return the plan with the content of the data (of ``train``, of ``dev``) that is kept inside the run."""
    fields = {"train": "path", "dev": "dev"}
    paths = {f"source.{fields[side]}": f"{KEPT_DATA}/{file.name}" for side, file in kept.items()}
    return Plan(plan.data, vary(plan.manifest, paths), {file.name: file.read_bytes() for file in kept.values()})


def _stem(data: object) -> str:
    """Return the name of a folder for some data."""
    if not isinstance(data, str | Path):
        return "pairs"
    return "stdin" if str(data) == "-" else Path(data).name.removesuffix(".gz").split(".")[0] or "run"


def _name(data: object, side: str) -> str:
    """Return what messages call data that is not in a file of the user's."""
    return "standard input" if isinstance(data, str | Path) else f"these pairs ({side})"


def _named(text: str, names: dict[str, str]) -> str:
    """Return a text about copies as a text about their originals."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text
