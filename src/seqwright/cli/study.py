"""``seqwright study``: variants × tasks × seeds in one command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.studies.inquiry import Inquiry, StudyResult
    from seqwright.studies.ladder.rows import LadderResult, Rung
    from seqwright.studies.study import Claim, Study
    from seqwright.studies.subject import Subject

app = typer.Typer(help="Train many variants with many seeds and compare what they do.", no_args_is_help=True)


@app.callback()
def _studies() -> None:
    pass


@app.command()
def ladder(
    seeds: Annotated[
        int | None, typer.Option(help="Models trained of each variant. (default: 8; with --pairs 4)")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="A file of source<TAB>target lines: which parts does this data need?")
    ] = None,
    split_source_on: Annotated[str, typer.Option(help="What parts the source's symbols. (default: characters)")] = "",
    split_target_on: Annotated[str, typer.Option(help="What parts the target's symbols. (default: characters)")] = "",
    width: Annotated[int | None, typer.Option(help="With --pairs: the models' width.")] = None,
    layers: Annotated[int | None, typer.Option(help="With --pairs: layers on each side.")] = None,
    steps: Annotated[int | None, typer.Option(help="With --pairs: training steps.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The study's folder; started again there, it goes on. (default: by its name)")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as one JSON object and nothing else.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Annotated[int | None, typer.Option(help="Processes. (default: one a core)")] = None,
) -> None:
    """Climb the ladder: plain, token, masked, positions, padding; with controls, on the paper's data or your own."""
    _positive(seeds=seeds, width=width, layers=layers, steps=steps, workers=workers)
    from seqwright.studies.ladder.rungs import paper_ladder
    from seqwright.training.device import checked_device

    checked_device(device)
    if pairs is None:
        _only_with_pairs(
            width=width, layers=layers, steps=steps, split_source_on=split_source_on, split_target_on=split_target_on
        )
        from seqwright.studies.ladder.claims import claims

        study, judge = paper_ladder(seeds or 8, device=device), claims
        folder = out or Path("seqwright-out") / f"ladder-{study.seeds}"
    else:
        from seqwright.studies.ladder.own import Size, needs, own_ladder
        from seqwright.tasks.files import read_pairs

        rows = read_pairs(pairs, split_source_on=split_source_on, split_target_on=split_target_on)
        print(rows.facts().summary(), file=sys.stderr)
        size = Size.of(rows).overridden(width=width, layers=layers, steps=steps)
        print(size.summary(), file=sys.stderr)
        study, judge = own_ladder(rows, seeds or 4, size, device=device), needs
        folder = out or Path("seqwright-out") / f"ladder-{pairs.stem}-{study.seeds}"
    _finish(study, judge, folder, workers, as_json)


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


def _door(module: str, inquiry: str) -> Callable[..., None]:
    def door(
        task: Annotated[
            list[str] | None,
            typer.Option(help="A task, as `study tasks` lists them; copy:symbols=4 says more. May be repeated."),
        ] = None,
        pairs: Annotated[
            Path | None, typer.Option(help="A file of source<TAB>target lines to ask it of, instead of tasks.")
        ] = None,
        split_source_on: Annotated[
            str, typer.Option(help="What parts the source's symbols. (default: characters)")
        ] = "",
        split_target_on: Annotated[
            str, typer.Option(help="What parts the target's symbols. (default: characters)")
        ] = "",
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
        out: Annotated[
            Path | None,
            typer.Option(help="The study's folder; started again there, it goes on. (default: by its name)"),
        ] = None,
        as_json: Annotated[
            bool, typer.Option("--json", help="Print the results as one JSON object and nothing else.")
        ] = False,
        device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
        workers: Annotated[int | None, typer.Option(help="Processes. (default: one a core)")] = None,
        ray: Annotated[
            str | None, typer.Option(help="A Ray cluster's address to work on, or `local`; needs seqwright[ray].")
        ] = None,
    ) -> None:
        _positive(seeds=seeds, workers=workers)
        from importlib import import_module

        from seqwright.training.device import checked_device

        checked_device(device)
        asked = getattr(import_module(f"seqwright.studies.{module}"), inquiry)(quick=quick)
        subjects = _subjects(asked, task or [], pairs, (split_source_on, split_target_on), set_ or [])
        _answer(asked, subjects, seeds, out, device, workers, ray, as_json)

    return door


for _name, (_module, _class, _help) in INQUIRIES.items():
    app.command(_name, help=_help)(_door(_module, _class))


@app.command()
def tasks() -> None:
    """List the tasks that studies can be asked of, each with a row of it."""
    from rich.console import Console

    from seqwright.studies.tasks import described

    console = Console(highlight=False, soft_wrap=True)
    for name, row, about in described():
        console.print(f"[bold]{name}[/bold]  {row}")
        console.print(f"    {about}", style="dim")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A study's folder.")],
    second: Annotated[Path, typer.Argument(help="Another one's.")],
    out: Annotated[Path | None, typer.Option(help="Where the page goes. (default: by their names)")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the comparison as one JSON object and nothing else.")
    ] = False,
) -> None:
    """Lay two studies side by side: the same cells of both, and what differs."""
    from seqwright.studies.compare import compare as compared
    from seqwright.studies.compare import page, read_result

    one, other = read_result(first), read_result(second)
    found = compared(one, other, (str(first), str(second)))
    folder = out or Path("seqwright-out") / f"compare-{first.resolve().name}-{second.resolve().name}"
    report = page(found, one, other).write(folder / "report.html")
    if as_json:
        print(found.to_json(indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for each in found.effects:
        worth = f"{each.worth.median:+.2f} [{each.worth.low:+.2f} {each.worth.high:+.2f}]"
        console.print(f"  {each.without:.2f} → {each.with_it:.2f}  {worth}  {each.part}")
    for where, only in (("first", found.only_first), ("second", found.only_second)):
        if only:
            console.print(f"  only in the {where}: {'; '.join(only)}")
    console.print(f"\nreport: {report}")


def _subjects(
    asked: Inquiry, tasks: list[str], pairs: Path | None, split_on: tuple[str, str], edits: list[str]
) -> list[Subject]:
    from seqwright.core.edits import edited
    from seqwright.studies.setting import Setting
    from seqwright.studies.subject import FileSubject, TaskSubject
    from seqwright.studies.tasks import task_called

    if pairs is None:
        if any(split_on):
            raise SeqwrightError("--split-source-on and --split-target-on need --pairs", mend="leave them out")
        setting = edited(asked.setting, edits)
        return [TaskSubject(task, setting) for task in map(task_called, tasks)] or [
            TaskSubject(task, setting) for task in asked.tasks
        ]
    if tasks:
        raise SeqwrightError("--task and --pairs exclude one another", mend="give one of the two")
    from seqwright.tasks.files import read_pairs

    rows = read_pairs(pairs, split_source_on=split_on[0], split_target_on=split_on[1])
    print(rows.facts().summary(), file=sys.stderr)
    return [FileSubject(rows, edited(Setting.of(rows, quick=asked.quick), edits))]


def _answer(
    asked: Inquiry, subjects: list[Subject], seeds: int | None, out: Path | None, device: str, workers: int | None,
    ray: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Run, keep, report."""
    from seqwright.cli.progress import watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.inquiry import StudyResult
    from seqwright.studies.report import write_report
    from seqwright.studies.study import Study

    study = Study(asked.name, tuple(asked.cells(subjects)), seeds or asked.seeds, device)
    folder = out or Path("seqwright-out") / "-".join(
        [asked.name, *(["quick"] if asked.quick else []), *(one.name for one in subjects[:3]), str(study.seeds)]
    )
    crew = None
    if ray is not None:
        from seqwright.studies.cluster import Cluster

        crew = Cluster(ray, workers)
    print(_forecast(study, workers), file=sys.stderr)
    with watching(f"study {study.name}, {study.seeds} seeds") as watch:
        rows = study.run(folder, workers=workers, crew=crew, watch=watch)
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


def _forecast(study: Study, workers: int | None) -> str:
    """How much there is to do, and about how long it will take."""
    from seqwright.report.words import count

    pieces = study.pieces()
    minutes = study.seconds(workers=workers) / 60
    told = (
        "less than a minute"
        if minutes < 1
        else f"about {minutes:.0f} minutes"
        if minutes < 90
        else f"about {minutes / 60:.1f} hours"
    )
    return f"{count(len(study.cells), 'cell')} × {count(study.seeds, 'seed')} in {count(len(pieces), 'piece')}: {told}"


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
    console.print(f"\nreport: {report}", soft_wrap=True)


def _positive(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise SeqwrightError(f"--{name} {value} is too few", mend="give 1 or more")


def _only_with_pairs(**options: object) -> None:
    for name, value in options.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise SeqwrightError(f"{option} needs --pairs", mend="the paper's ladder has its settings from the paper")


def _finish(
    study: Study, judge: Callable[[list[Rung]], list[Claim]], folder: Path, workers: int | None, as_json: bool
) -> None:
    """Run, keep, report."""
    from seqwright.cli.progress import watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.ladder.report import write_report
    from seqwright.studies.ladder.rows import LadderResult, Rung

    with watching(f"study {study.name}, {study.seeds} seeds") as watch:
        rows = [Rung.of(row) for row in study.run(folder, workers=workers, watch=watch)]
    seconds = sum(row.seconds for row in rows)
    result = LadderResult(study=study.name, seeds=study.seeds, seconds=seconds, rungs=rows, claims=judge(rows))
    text = result.to_json(indent=2)
    write_atomically(folder / "results.json", text)
    report = write_report(result, folder, "seqwright " + shlex.join(sys.argv[1:]))
    if as_json:
        print(text)
    else:
        _print_table(result, report)


def _print_table(result: LadderResult, report: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"The ladder, {result.seeds} seeds: median over seeds [interval]", title_justify="left")
    for heading in ("rung", "variant", "task"):
        table.add_column(heading, no_wrap=True)
    for heading in ("params", "train loss", "exact match", "alone"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("signatures (seeds)")
    rung = ""
    for row in result.rungs:
        if rung and row.rung != rung:
            table.add_section()
        rung = row.rung
        seen = ", ".join(f"{name} {count}" for name, count in row.signatures.items() if count)
        table.add_row(
            row.rung, row.variant, row.task, str(row.parameters),
            *(f"{r.median:.{d}f} [{r.low:.{d}f} {r.high:.{d}f}]" for r, d in
              ((row.train_loss, 4), (row.exact_match, 2), (row.exact_match_alone, 2))),
            seen,
        )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for claim in result.claims:
        console.print(f"  [bold]{claim.verdict:26}[/bold] {claim.claim}", highlight=False)
    console.print(f"\nreport: {report}", highlight=False, soft_wrap=True)
