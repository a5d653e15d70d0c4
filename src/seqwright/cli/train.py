"""``seqwright train``: from a file of your own to a trained model."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from seqwright.cli.options import AsJson, SplitSource, SplitTarget, shorten
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.runs.folder import RunFolder
    from seqwright.runs.manifest import Manifest, Result
    from seqwright.runs.plan import Plan


def train(
    data: Annotated[
        str | None, Argument(help="Pairs (TSV, CSV, JSONL) or, with --text, running text; .gz of any; - for stdin.")
    ] = None,
    dev: Annotated[
        Path | None, Option(help="Rows that choose the weights. (default: a tenth of DATA, held out)")
    ] = None,
    out: Annotated[Path | None, Option(help="The run's folder. (default: seqwright-out/NAME)")] = None,
    resume: Annotated[Path | None, Option(help="Continue the run in this folder, exactly where it stopped.")] = None,
    moved_data: Annotated[
        Path | None, Option("--data", help="With --resume: the training file, if it was moved.")
    ] = None,
    text: Annotated[bool, Option("--text", help="DATA is running text: train a model that continues it.")] = False,
    goal: Annotated[
        str | None, Option(help="The goal of training, its name or JSON. (default: Transduction; --text: Continuation)")
    ] = None,
    model: Annotated[
        str | None, Option(help="A file with a model's JSON (as model.json), a family's name, or --text's nanogpt-gpu.")
    ] = None,
    edits: Annotated[
        list[str] | None, Option("--set", help="path=value: change any setting that is printed. Repeatable.")
    ] = None,
    max_minutes: Annotated[float | None, Option(help="The longest time to train.")] = None,
    seed: Annotated[int | None, Option(help="Of parameters, order, dropout and rows held out. (default: 0)")] = None,
    device: Annotated[str | None, Option(help="cpu or cuda. (default: cpu)")] = None,
    split_source_on: SplitSource = "",
    split_target_on: SplitTarget = "",
    source_tokens: Annotated[
        str | None, Option(help="characters, graphemes, bytes, bpe:SIZE or unigram:SIZE, for the sources.")
    ] = None,
    target_tokens: Annotated[str | None, Option(help="The same for the targets, or for running text.")] = None,
    normalise: Annotated[
        str | None, Option(help="as-is, nfc, nfd, or jamo (Hangul decomposed). (default: as-is)")
    ] = None,
    source_column: Annotated[
        str | None, Option(help="The source's column: a TSV's number, or a CSV's name (on stdin, names mean CSV).")
    ] = None,
    target_column: Annotated[str | None, Option(help="The target's column.")] = None,
    features_column: Annotated[int | None, Option(help="A TSV's column of features such as V;PST.")] = None,
    source_key: Annotated[str | None, Option(help="The source's key in JSONL.")] = None,
    target_key: Annotated[str | None, Option(help="The target's key in JSONL.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on your own sequences; a run that was stopped or killed continues with --resume."""
    if max_minutes is not None and not max_minutes > 0:  # not a number is refused, too
        raise SeqwrightError(f"--max-minutes {max_minutes:g} is too few", fix="give more than 0")
    if (data is None) == (resume is None):
        raise SeqwrightError("give either DATA or --resume RUN", fix="name a file of data, or a run with --resume")
    reading: dict[str, Any] = {
        "text": text, "split_source_on": split_source_on, "split_target_on": split_target_on,
        "source_tokens": source_tokens, "target_tokens": target_tokens, "normalise": normalise,
        "source_column": source_column, "target_column": target_column, "features_column": features_column,
        "source_key": source_key, "target_key": target_key,
    }  # fmt: skip
    if resume is not None:
        _refuse_on_resume(**reading, out=out, goal=goal, model=model, set=edits, seed=seed)
        _resume(resume, moved_data, dev, device, max_minutes, as_json)
        return
    if moved_data is not None:
        raise SeqwrightError("--data belongs to --resume", fix="name the file without --data")
    assert data is not None
    from seqwright.data.options import PreprocessingOptions
    from seqwright.runs.prepare import prepare

    options = PreprocessingOptions(**{name: value for name, value in reading.items() if value is not None})
    plan, folder = prepare(
        data, options, goal=goal, dev=dev, out=out, model=model, edits=edits or [], seed=seed or 0,
        device=device or "cpu", command=sys.argv[1:],
    )  # fmt: skip
    _run(plan, folder, max_minutes, as_json)


def _refuse_on_resume(**options: Any) -> None:
    """Refuse every option that a run which has begun cannot take."""
    for name, value in options.items():
        if value is not None and value is not False and value != "" and value != []:
            raise SeqwrightError(
                f"--resume continues the run as it began, and takes no --{name.replace('_', '-')}",
                fix="leave it out, or train a new run",
            )


def _resume(
    path: Path, data: Path | None, dev: Path | None, device: str | None, max_minutes: float | None, as_json: bool
) -> None:
    from seqwright.runs.folder import RunFolder
    from seqwright.runs.plan import plan_again
    from seqwright.runs.train import finished
    from seqwright.training.device import available_device, checked_device

    folder = RunFolder.existing(path)
    manifest = folder.manifest()
    device = checked_device(device) if device is not None else available_device(manifest.device)
    result = finished(folder, max_minutes)
    plan = plan_again(folder, data=data, dev=dev) if result is None or data or dev else None
    if result is not None:
        print(result.to_json(indent=2) if as_json else f"finished: {result.why}")
        return
    assert plan is not None, "the run has not ended"
    _print_differences(manifest)
    _run(plan, folder, max_minutes, as_json, resume=True, device=device)


def _print_differences(manifest: Manifest) -> None:
    """Print what keeps the next steps from being the same to the last bit."""
    import torch

    from seqwright.core.imports import changed_modules

    found = []
    if manifest.threads != torch.get_num_threads():
        found.append(f"{torch.get_num_threads()} threads, not {manifest.threads} (OMP_NUM_THREADS={manifest.threads})")
    if manifest.torch != str(torch.__version__):
        found.append(f"torch {torch.__version__}, not {manifest.torch}")
    if found:
        print(f"seqwright: the next steps will differ in their last bits: {'; '.join(found)}", file=sys.stderr)
    for name in changed_modules(manifest.imports):
        print(f"seqwright: {name} has changed since the run began: the next steps may differ", file=sys.stderr)


def _run(
    plan: Plan, folder: RunFolder, max_minutes: float | None, as_json: bool, *, resume: bool = False,
    device: str | None = None,
) -> None:  # fmt: skip
    from seqwright.cli.progress import training_progress
    from seqwright.runs.train import train as train_run
    from seqwright.training.processes import is_main_process

    if is_main_process():
        _print_plan(plan, folder)
    with (
        _stop_signals() as received,
        training_progress(plan.manifest.recipe.training, quiet=not is_main_process()) as watch,
    ):
        result = train_run(
            plan, folder, resume=resume, device=device, watch=watch, stop=lambda: bool(received), minutes=max_minutes,
            note=lambda text: print(f"seqwright: {text}", file=sys.stderr),
        )  # fmt: skip
    if not is_main_process():
        return
    if result is None:
        print(f"seqwright: stopped and kept; continue with seqwright train --resume {folder.path}", file=sys.stderr)
        raise typer.Exit(128 + received[0])
    if as_json:
        print(result.to_json(indent=2))
    else:
        _print_result(result, folder)


def _print_plan(plan: Plan, folder: RunFolder) -> None:
    """Print a description of the data and all settings, before training."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in plan.data.summary:
        console.print(line, markup=False)
    table = Table(title="settings (--set path=value changes any)", title_justify="left", box=None, show_header=False)
    for path, value in plan.settings().items():
        table.add_row(path, shorten(str(value)))
    console.print(table)
    console.print(f"run: {folder.path}", markup=False)


def _print_result(result: Result, folder: RunFolder) -> None:
    measured = [] if result.dev_loss is None else [f"dev loss {result.dev_loss:.4f}"]
    if result.dev_exact_match is not None:
        measured.append(f"exact match {result.dev_exact_match:.3f}")
    print(f"done: {result.why}; {result.steps:,} steps, {result.epochs:g} epochs, {result.seconds:,.0f} s")
    print(
        f"kept: step {result.best_step:,}, {', '.join(measured) or 'not evaluated: the time was up before the first one'}"
    )
    for note in result.notes:
        print(f"note: {note}")
    path = shlex.quote(str(folder.path))
    print(f"page: {folder.report}")
    print(f"next: seqwright predict {path} FILE    seqwright evaluate {path} FILE")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Yield a list that receives the first signal to stop; a second one interrupts at once."""
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
