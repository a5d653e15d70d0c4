"""``seqwright study``: variants × tasks × seeds in one command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqwright.cli.options import AsJson, Device, Out, SplitSource, SplitTarget, Workers, positive
from seqwright.cli.study_command import INQUIRIES, door
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.studies.experiment import Claim, Experiment
    from seqwright.studies.ladder.rows import LadderResult, Rung

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
    split_source_on: SplitSource = "",
    split_target_on: SplitTarget = "",
    width: Annotated[int | None, typer.Option(help="With --pairs: the models' width.")] = None,
    layers: Annotated[int | None, typer.Option(help="With --pairs: layers on each side.")] = None,
    steps: Annotated[int | None, typer.Option(help="With --pairs: training steps.")] = None,
    out: Out = None,
    as_json: AsJson = False,
    device: Device = "cpu",
    workers: Workers = None,
) -> None:
    """Climb the ladder: plain, token, masked, positions, padding; with controls, on the paper's data or your own."""
    positive(seeds=seeds, width=width, layers=layers, steps=steps, workers=workers)
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
        from seqwright.data.files import read_pairs
        from seqwright.studies.ladder.on_file import LadderSize, needs, own_ladder

        rows = read_pairs(pairs, split_source_on=split_source_on, split_target_on=split_target_on)
        print(rows.statistics().summary(), file=sys.stderr)
        size = LadderSize.of(rows).overridden(width=width, layers=layers, steps=steps)
        print(size.summary(), file=sys.stderr)
        study, judge = own_ladder(rows, seeds or 4, size, device=device), needs
        folder = out or Path("seqwright-out") / f"ladder-{pairs.stem}-{study.seeds}"
    _finish(study, judge, folder, workers, as_json)


for _name, (_module, _class, _help) in INQUIRIES.items():
    app.command(_name, help=_help)(door(_module, _class))


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


def _only_with_pairs(**options: object) -> None:
    for name, value in options.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise SeqwrightError(f"{option} needs --pairs", fix="the paper's ladder has its settings from the paper")


def _finish(
    study: Experiment, judge: Callable[[list[Rung]], list[Claim]], folder: Path, workers: int | None, as_json: bool
) -> None:
    """Run, keep, report."""
    from seqwright.cli.progress import print_estimate, watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.ladder.report import write_report
    from seqwright.studies.ladder.rows import LadderResult, Rung

    with watching(f"study {study.name}, {study.seeds} seeds") as watch:
        done = study.run(folder, workers=workers, foretell=print_estimate(study, workers), watch=watch)
    rows = [Rung.of(row) for row in done]
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
