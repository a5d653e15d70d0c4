"""One door for every study but the ladder: what it asks differs, how it is asked does not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqwright.cli.options import AsJson, Device, Out, SplitSource, SplitTarget, Workers, positive
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.studies.study import Study, StudyResult
    from seqwright.studies.task_source import TaskSource

INQUIRIES = {
    "parts": (
        "parts",
        "Parts",
        "Which parts does a task need? Each taken from a whole model, and added to a bare one.",
    ),
    "positions": ("positions", "Positions", "Which kind of position? How soon it is learnt, and what is left beyond."),
    "lengths": (
        "lengths",
        "Lengths",
        "At what length does it break? Trained up to one length, asked up to three times that.",
    ),
    "noise": ("noise", "Noise", "What does noise do, in training sources, in training targets, or only when asked?"),
    "vocabulary": ("vocabulary", "VocabularySizes", "How many symbols can a fixed width tell apart?"),
    "scale": ("scale", "Sizes", "How does loss fall with width and depth? A power law and its uncertainty."),
    "per-task": ("per_task", "PerTask", "Is every task learnt, or only the mean? Tasks mixed, against each alone."),
    "batching": ("batching", "Batching", "Padding, buckets, or one length at a time? Time, waste and accuracy."),
    "gradients": ("gradients", "Gradients", "How much gradient reaches a token at distance k?"),
}
"""Every study but the ladder: its module, its class there, and what it asks; nothing is imported before one is run."""


def door(module: str, inquiry: str) -> Callable[..., None]:
    def ask(
        task: Annotated[
            list[str] | None,
            typer.Option(help="A task, as `study tasks` lists them; copy:symbols=4 says more. May be repeated."),
        ] = None,
        pairs: Annotated[
            Path | None, typer.Option(help="A file of source<TAB>target lines to ask it of, instead of tasks.")
        ] = None,
        split_source_on: SplitSource = "",
        split_target_on: SplitTarget = "",
        seeds: Annotated[
            int | None, typer.Option(help="Models trained of each variant. (default: 10; quick: 3)")
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Fewer variants, tasks and steps: 3 minutes on 2 cores.")
        ] = False,
        set_: Annotated[
            list[str] | None,
            typer.Option("--set", help="path=value: change what the models have in common, as steps=3000."),
        ] = None,
        out: Out = None,
        as_json: AsJson = False,
        device: Device = "cpu",
        workers: Workers = None,
        ray: Annotated[
            str | None, typer.Option(help="A Ray cluster's address to work on, or `local`; needs seqwright[ray].")
        ] = None,
    ) -> None:
        positive(seeds=seeds, workers=workers)
        from importlib import import_module

        from seqwright.training.device import checked_device

        checked_device(device)
        asked = getattr(import_module(f"seqwright.studies.questions.{module}"), inquiry)(quick=quick)
        subjects = _subjects(asked, task or [], pairs, (split_source_on, split_target_on), set_ or [])
        _answer(asked, subjects, seeds, out, device, workers, ray, as_json)

    return ask


def _subjects(
    asked: Study, tasks: list[str], pairs: Path | None, split_on: tuple[str, str], edits: list[str]
) -> list[TaskSource]:
    from seqwright.core.edits import edited
    from seqwright.studies.scale import ModelScale
    from seqwright.studies.task_source import DrawnTask, FileTask
    from seqwright.studies.tasks import task_called

    if pairs is None:
        if any(split_on):
            raise SeqwrightError("--split-source-on and --split-target-on need --pairs", fix="leave them out")
        setting = edited(asked.setting, edits)
        return [DrawnTask(task, setting) for task in map(task_called, tasks)] or [
            DrawnTask(task, setting) for task in asked.tasks
        ]
    if tasks:
        raise SeqwrightError("--task and --pairs exclude one another", fix="give one of the two")
    from seqwright.data.files import read_pairs

    rows = read_pairs(pairs, split_source_on=split_on[0], split_target_on=split_on[1])
    print(rows.statistics().summary(), file=sys.stderr)
    return [FileTask(rows, edited(ModelScale.of(rows, quick=asked.quick), edits))]


def _answer(
    asked: Study, subjects: list[TaskSource], seeds: int | None, out: Path | None, device: str, workers: int | None,
    ray: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Run, keep, report."""
    from seqwright.cli.progress import print_estimate, watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.experiment import Experiment
    from seqwright.studies.report import write_report
    from seqwright.studies.study import StudyResult

    study = Experiment(asked.name, tuple(asked.cells(subjects)), seeds or asked.seeds, device)
    folder = out or Path("seqwright-out") / "-".join(
        [asked.name, *(["quick"] if asked.quick else []), *(one.name for one in subjects[:3]), str(study.seeds)]
    )
    executor = None
    if ray is not None:
        from seqwright.studies.cluster import Cluster

        executor = Cluster(ray, workers)
    with watching(f"study {study.name}, {study.seeds} seeds") as watch:
        rows = study.run(
            folder, workers=workers, executor=executor, foretell=print_estimate(study, workers), watch=watch
        )
    result = StudyResult(
        study=study.name,
        seeds=study.seeds,
        seconds=sum(row.seconds for row in rows),
        rows=rows,
        effects=asked.effects(rows),
        claims=asked.claims(rows),
        notes=asked.notes(subjects),
    )
    text = result.to_json(indent=2)
    write_atomically(folder / "results.json", text)
    report = write_report(asked, result, folder, "seqwright " + shlex.join(sys.argv[1:]))
    if as_json:
        print(text)
    else:
        _print_findings(result, report)


def _print_findings(result: StudyResult, report: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table(title=f"{result.study}, {result.seeds} seeds: median over seeds [interval]", title_justify="left")
    for heading in ("variant", "task"):
        table.add_column(heading, no_wrap=True)
    for heading in ("params", "loss", "exact match", "beyond"):
        table.add_column(heading, justify="right", no_wrap=True)
    base = result.rows[0].base
    for row in result.rows:
        if row.base != base:
            table.add_section()
        base = row.base
        numbers = [(row.eval_loss, 4), (row.exact_match, 2), *([(row.beyond, 2)] if row.beyond else [])]
        told = [f"{r.median:.{d}f} [{r.low:.{d}f} {r.high:.{d}f}]" for r, d in numbers]
        table.add_row(row.variant, row.task, str(row.parameters), *told)
    console.print(table)
    for each in result.effects:
        worth = f"{each.worth.median:+.2f} [{each.worth.low:+.2f} {each.worth.high:+.2f}]"
        console.print(
            f"  [bold]{each.verdict:10}[/bold] {each.task}: {each.part} ({each.measure}, {each.base}) {worth}"
        )
    for claim in result.claims:
        console.print(f"  [bold]{claim.verdict:10}[/bold] {claim.claim}: {claim.measured}")
    for note in result.every_note():
        console.print(f"  note: {note}", soft_wrap=True)
    console.print(f"\nreport: {report}", soft_wrap=True)
