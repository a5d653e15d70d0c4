"""``seqwright train``: from a file of one's own to a trained model."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.runs.folder import Manifest, Result, RunFolder
    from seqwright.runs.plan import Plan


def train(
    data: Annotated[
        str | None,
        typer.Argument(help="Pairs (TSV, CSV, JSONL) or, with --text, running text; .gz of any; - for stdin."),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Rows to choose the model by. (default: a tenth of DATA, no source on both sides)"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder. (default: seqwright-out/NAME)")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, exactly where it was.")
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="DATA is running text: train a model that continues it.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="A model's JSON (as in a run's model.json); with --text also nanogpt-cpu, nanogpt-gpu."),
    ] = None,
    edits: Annotated[
        list[str] | None, typer.Option("--set", help="path=value: change any setting that is printed. Repeatable.")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Train no longer than this.")] = None,
    seed: Annotated[int, typer.Option(help="Decides parameters, order, dropout, and which rows are held out.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    split_source_on: Annotated[str, typer.Option(help="What parts the source's symbols. (default: characters)")] = "",
    split_target_on: Annotated[str, typer.Option(help="What parts the target's symbols. (default: characters)")] = "",
    source_tokens: Annotated[
        str | None, typer.Option(help="characters, graphemes, bytes, bpe:SIZE or unigram:SIZE, for the sources.")
    ] = None,
    target_tokens: Annotated[str | None, typer.Option(help="The same for the targets, or for running text.")] = None,
    normalise: Annotated[str, typer.Option(help="as-is, nfc, nfd, or jamo (Hangul taken apart).")] = "as-is",
    source_column: Annotated[
        str | None,
        typer.Option(help="The source's column: its number in a TSV, its name in a CSV (on stdin, names mean CSV)."),
    ] = None,
    target_column: Annotated[str | None, typer.Option(help="The target's column.")] = None,
    features_column: Annotated[int | None, typer.Option(help="A TSV's column of features such as V;PST.")] = None,
    source_key: Annotated[str | None, typer.Option(help="The source's key in JSONL.")] = None,
    target_key: Annotated[str | None, typer.Option(help="The target's key in JSONL.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print how it ended as one JSON object and nothing else.")
    ] = False,
) -> None:
    """Train a model on your own sequences; stopped or killed, it goes on with --resume."""
    if max_minutes is not None and not max_minutes > 0:  # nor is it a number
        raise SeqwrightError(f"--max-minutes {max_minutes:g} is too few", fix="give more than 0")
    if (data is None) == (resume is None):
        raise SeqwrightError("there is to be one thing to train on", fix="name a file of data, or a run with --resume")
    if resume is not None:
        given = {"dev": dev, "out": out, "text": text, "model": model, "set": edits, "seed": seed}
        said = [name for name, value in given.items() if value]
        if said:
            raise SeqwrightError(
                f"--resume goes on as the run was begun, and takes no --{said[0]}",
                fix="leave it out, or train a new run",
            )
        _go_on(resume, max_minutes, as_json)
        return
    assert data is not None
    from seqwright.runs.options import PreprocessingOptions
    from seqwright.runs.prepare import begin

    options = PreprocessingOptions(
        text=text, split_source_on=split_source_on, split_target_on=split_target_on, source_tokens=source_tokens,
        target_tokens=target_tokens, normalise=normalise, source_column=source_column, target_column=target_column,
        features_column=features_column, source_key=source_key, target_key=target_key,
    )  # fmt: skip
    plan, folder = begin(
        data, options, dev=dev, out=out, model=model, edits=edits or [], seed=seed, device=device, command=sys.argv[1:]
    )
    _run(plan, folder, max_minutes, as_json)


def _go_on(path: Path, max_minutes: float | None, as_json: bool) -> None:
    from seqwright.runs.folder import RunFolder
    from seqwright.runs.plan import plan_again
    from seqwright.runs.train import finished
    from seqwright.training.device import checked_device

    folder = RunFolder.existing(path)
    manifest = folder.manifest()
    result = finished(folder, max_minutes)
    if result is not None:
        print(result.to_json(indent=2) if as_json else f"finished: {result.why}")
        return
    checked_device(manifest.device)
    _tell_differences(manifest)
    _run(plan_again(folder), folder, max_minutes, as_json, resume=True)


def _tell_differences(manifest: Manifest) -> None:
    """Say what is not as it was, where that keeps the next steps from being the same to the last bit."""
    import torch

    told = []
    if manifest.threads != torch.get_num_threads():
        told.append(f"{torch.get_num_threads()} threads, not {manifest.threads} (OMP_NUM_THREADS={manifest.threads})")
    if manifest.torch != str(torch.__version__):
        told.append(f"torch {torch.__version__}, not {manifest.torch}")
    if told:
        print(f"seqwright: the next steps will differ in their last bits: {'; '.join(told)}", file=sys.stderr)


def _run(plan: Plan, folder: RunFolder, max_minutes: float | None, as_json: bool, *, resume: bool = False) -> None:
    from seqwright.cli.progress import following
    from seqwright.runs.train import train as train_run
    from seqwright.training.processes import is_main_process

    if is_main_process():
        _say(plan, folder)
    with _stoppable() as stopped, following(plan.manifest.recipe.training, quiet=not is_main_process()) as watch:
        result = train_run(
            plan, folder, resume=resume, watch=watch, stop=lambda: bool(stopped), minutes=max_minutes,
            note=lambda text: print(f"seqwright: {text}", file=sys.stderr),
        )  # fmt: skip
    if not is_main_process():
        return
    if result is None:
        print(f"seqwright: stopped and kept; go on with seqwright train --resume {folder.path}", file=sys.stderr)
        raise typer.Exit(128 + stopped[0])
    if as_json:
        print(result.to_json(indent=2))
    else:
        _tell(result, folder)


def _say(plan: Plan, folder: RunFolder) -> None:
    """What was read and what is going to happen, before it does."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in plan.data.summary:
        console.print(line, markup=False)
    table = Table(title="settings (--set path=value changes any)", title_justify="left", box=None, show_header=False)
    for path, value in plan.settings().items():
        table.add_row(path, _short(value))
    console.print(table)
    console.print(f"run: {folder.path}", markup=False)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _tell(result: Result, folder: RunFolder) -> None:
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
def _stoppable() -> Iterator[list[int]]:
    """A list that holds the signal that asked to stop, once one has; a second one stops at once."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
