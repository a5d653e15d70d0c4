"""The command of every study: the same options, and the study's own as ``--set``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.cli.options import AsJson, Device, Out, SplitSource, SplitTarget, Workers, positive
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.data.corpus import Corpus
    from seqwright.studies.experiment import Experiment
    from seqwright.studies.model_scale import ModelScale
    from seqwright.studies.results import StudyResult
    from seqwright.studies.study import Study
    from seqwright.studies.task_source import TaskSource


def command(name: str, question: str) -> Any:
    """Return the command of a study, which imports the study when it runs."""

    def run(
        task: Annotated[
            list[str] | None,
            typer.Option(help="A task, as `study tasks` lists them, such as copy:symbols=4. May be repeated."),
        ] = None,
        pairs: Annotated[Path | None, typer.Option(help="A file of source<TAB>target lines, instead of tasks.")] = None,
        split_source_on: SplitSource = "",
        split_target_on: SplitTarget = "",
        seeds: Annotated[
            int | None, typer.Option(help="Models trained of each variant. (default: 10, quick 3; ladder: 8, a file 4)")
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Fewer variants, tasks and steps: 3 minutes on 2 cores.")
        ] = False,
        set_: Annotated[
            list[str] | None,
            typer.Option("--set", help="path=value: an option of the study, or what all models share, as steps=3000."),
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
        from seqwright.studies.experiment import Experiment
        from seqwright.training.device import checked_device

        checked_device(device)
        study, edits = _study(name, quick, set_ or [])
        if pairs is None:
            sources = _tasks(study, task or [], edits, split=bool(split_source_on or split_target_on))
            seeds = seeds or study.seeds
        elif task:
            raise SeqwrightError("--task and --pairs exclude one another", fix="give one of the two")
        else:
            rows = _read(pairs, split_source_on, split_target_on)
            scale, usual = study.on_file(rows, quick=quick)
            sources, seeds = [_file_task(rows, scale, edits)], seeds or usual
        experiment = Experiment(study.name, tuple(study.cells(sources)), seeds, device)
        names = [name, *(["quick"] if quick else []), *(one.name for one in sources[:3]), str(seeds)]
        folder = out or Path("seqwright-out") / "-".join(names)
        _run(study, sources, experiment, folder, workers, ray, as_json)

    app = typer.Typer(add_completion=False)
    app.command(name, help=question)(run)
    made = typer.main.get_command(app)
    made.name = name
    return made


def _study(name: str, quick: bool, edits: list[str]) -> tuple[Study, list[str]]:
    """Return the study with its own options set, and the edits that are left: those of its scale."""
    from seqwright.core.edits import edited, made
    from seqwright.studies.study import studies

    kind: Any = studies()[name]
    own = [edit for edit in edits if edit.partition("=")[0].partition(".")[0] in kind.__struct_fields__]
    study = edited(kind.quick(), own) if quick else made(kind, own)
    return study, [edit for edit in edits if edit not in own]


def _tasks(study: Study, names: list[str], edits: list[str], *, split: bool) -> list[TaskSource]:
    """Return the tasks that were named, or the study's own."""
    from seqwright.core.edits import edited
    from seqwright.studies.task_source import DrawnTask
    from seqwright.studies.tasks import task_called

    if split:
        raise SeqwrightError("--split-source-on and --split-target-on need --pairs", fix="leave them out")
    tasks = [task_called(name) for name in names] or study.tasks
    if edits and not tasks:
        raise SeqwrightError(f"--set {edits[0]} needs --pairs", fix=f"without a file {study.name} has its own settings")
    scale = edited(study.scale, edits)
    return [DrawnTask(task, scale) for task in tasks]


def _read(pairs: Path, split_source_on: str, split_target_on: str) -> Corpus:
    from seqwright.data.files import read_pairs

    rows = read_pairs(pairs, split_source_on=split_source_on, split_target_on=split_target_on)
    print(rows.statistics().summary(), file=sys.stderr)
    return rows


def _file_task(rows: Corpus, scale: ModelScale, edits: list[str]) -> TaskSource:
    from seqwright.core.edits import edited
    from seqwright.studies.task_source import FileTask

    scale = edited(scale, edits)
    print(scale.summary(), file=sys.stderr)
    return FileTask(rows, scale)


def _run(
    study: Study, sources: list[TaskSource], experiment: Experiment, folder: Path, workers: int | None, ray: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Train, write the results and the report, and print them."""
    from seqwright.cli.progress import print_estimate, watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.results import StudyResult

    executor = None
    if ray is not None:
        from seqwright.studies.cluster import Cluster

        executor = Cluster(ray, workers)
    with watching(f"study {study.name}, {experiment.seeds} seeds") as progress:
        announce = print_estimate(experiment, workers)
        table = experiment.run(folder, workers=workers, executor=executor, announce=announce, progress=progress)
    result = StudyResult(
        study=study.name,
        seeds=experiment.seeds,
        table=table,
        effects=study.effects(table),
        claims=study.claims(table),
        notes=study.notes(sources),
    )
    text = result.to_json()
    write_atomically(folder / "results.json", text)
    report = study.page(result, "seqwright " + shlex.join(sys.argv[1:])).write(folder / "report.html")
    if as_json:
        print(text)
    else:
        _print_findings(result, report)


def _print_findings(result: StudyResult, report: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from seqwright.studies.table import ALONE, BEYOND, EVAL_LOSS, EXACT_MATCH, PARAMETERS, TRAIN_LOSS

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table(title=f"{result.study}, {result.seeds} seeds: median over seeds [interval]", title_justify="left")
    columns = {"train loss": (TRAIN_LOSS, 4), "eval loss": (EVAL_LOSS, 4), "exact match": (EXACT_MATCH, 2),
               "alone": (ALONE, 2), "beyond": (BEYOND, 2)}  # fmt: skip
    rows = result.table.rows
    columns = {name: column for name, column in columns.items() if any(row.has(column[0]) for row in rows)}
    for heading in ("base", "variant", "task"):
        table.add_column(heading, no_wrap=True)
    for heading in ("params", *columns):
        table.add_column(heading, justify="right")
    table.add_column("signatures (seeds)")
    for row, before in zip(rows, [None, *rows], strict=False):
        if before and row.base != before.base:
            table.add_section()
        cells = []
        for measure, digits in columns.values():
            value = row.interval(measure) if row.has(measure) else None
            cells.append(f"{value.median:.{digits}f} [{value.low:.{digits}f} {value.high:.{digits}f}]" if value else "")
        table.add_row(row.base, row.variant, row.task, f"{row.number(PARAMETERS):.0f}", *cells, row.signatures)
    console.print(table)
    for each in result.effects:
        worth = f"{each.worth.median:+.2f} [{each.worth.low:+.2f} {each.worth.high:+.2f}]"
        console.print(
            f"  [bold]{each.verdict:10}[/bold] {each.task}: {each.part} ({each.measure}, {each.base}) {worth}"
        )
    for claim in result.claims:
        console.print(f"  [bold]{claim.verdict:26}[/bold] {claim.claim}: {claim.measured}")
    for note in result.every_note():
        console.print(f"  note: {note}", soft_wrap=True)
    console.print(f"\nreport: {report}", soft_wrap=True)
