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
    from seqwright.studies.study import Claim, Row, Study, StudyResult

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
    study: Study, judge: Callable[[list[Row]], list[Claim]], folder: Path, workers: int | None, as_json: bool
) -> None:
    """Run, keep, report."""
    from seqwright.cli.progress import watching
    from seqwright.core.files import write_atomically
    from seqwright.studies.ladder.report import write_report
    from seqwright.studies.study import StudyResult

    with watching(f"study {study.name}, {study.seeds} seeds") as watch:
        rows = study.run(folder, workers=workers, watch=watch)
    seconds = sum(row.seconds for row in rows)
    result = StudyResult(study=study.name, seeds=study.seeds, seconds=seconds, rungs=rows, claims=judge(rows))
    text = result.to_json(indent=2)
    write_atomically(folder / "results.json", text)
    report = write_report(result, folder, "seqwright " + shlex.join(sys.argv[1:]))
    if as_json:
        print(text)
    else:
        _print_table(result, report)


def _print_table(result: StudyResult, report: Path) -> None:
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
