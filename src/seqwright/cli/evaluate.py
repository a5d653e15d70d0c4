"""``seqwright evaluate``: the accuracy of a trained model on a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqwright.cli.predict import in_range, print_unknown
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from rich.console import Console

    from seqwright.evaluation.measures import LengthBin, Measures
    from seqwright.evaluation.text import TextMeasures


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    file: Annotated[Path, typer.Argument(help="Rows with their targets, written as the training data was; .gz too.")],
    beam: Annotated[int | None, typer.Option(help="Answer by beam search of this width, instead of greedily.")] = None,
    also: Annotated[list[str] | None, typer.Option(help="bleu or chrf, by sacrebleu. Repeatable.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures here.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as one JSON object and nothing else.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Measure exact match, WER, PER, loss and more, each with a 95 % interval; list the worst rows and confused symbols."""
    if set(also or []) - {"bleu", "chrf"}:
        raise SeqwrightError(f"--also {', '.join(also or [])} is not known", fix="give bleu or chrf")
    from seqwright.decoding.beam import Beam
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    if html is not None and not html.parent.is_dir():
        raise SeqwrightError("its folder does not exist", where=str(html), fix="name another file with --html")
    loaded = load(run, device=checked_device(device))
    if html is not None and not loaded.goal.has_targets:
        raise SeqwrightError("there are no answers for a page to show", fix="leave --html out")
    decoding = None if beam is None else in_range(Beam(width=beam))
    measured = loaded.evaluate(file, decoding, also=also or [])  # pyright: ignore[reportArgumentType]
    if html is not None:
        from seqwright.runs.page import write_evaluation

        write_evaluation(html, measured, run, file)
    if as_json:
        print(measured.to_json(indent=2))
    else:
        _print(measured)
        if html is not None:
            print(f"\npage: {html}")
    print_unknown(loaded)


FIGURES = (
    "exact_match", "wer", "per", "loss", "bits", "perplexity", "token_accuracy", "bleu", "chrf",
)  # fmt: skip
"""The measures that are printed, where there are such."""


def _print(measured: Measures | TextMeasures) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    counts = [(name, getattr(measured, name, None)) for name in ("rows", "sources", "tokens")]
    console.print(
        ", ".join(f"{n:,} {name}" for name, n in counts if n is not None) + "; 95 % intervals", soft_wrap=True
    )
    table = Table()
    for heading in ("", "value", "low", "high"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in FIGURES:
        value, interval = getattr(measured, name, None), measured.intervals.get(name)
        if value is not None:
            ends = ("–", "–") if interval is None else (f"{end:.4f}" for end in interval)
            table.add_row(name, f"{value:.4f}", *ends)
    console.print(table)
    if (bins := getattr(measured, "by_length", None)) is not None:
        _print_lengths(console, bins)
        _print_errors(console, measured)


def _print_lengths(console: Console, bins: Sequence[LengthBin]) -> None:
    from rich.table import Table

    lengths = Table(title="by source length", title_justify="left")
    for heading in ("symbols", "sources", "exact match"):
        lengths.add_column(heading, justify="right")
    for part in bins:
        ends = f"{part.shortest}" if part.shortest == part.longest else f"{part.shortest}–{part.longest}"
        lengths.add_row(ends, f"{part.sources:,}", f"{part.exact_match:.3f}")
    console.print(lengths)


def _print_errors(console: Console, measured: Any) -> None:
    if measured.confusion:
        pairs = ", ".join(f"{c.gold or '∅'}→{c.predicted or '∅'} {c.count}×" for c in measured.confusion[:10])
        console.print(f"confused most: {pairs}", markup=False, soft_wrap=True)
    for row in measured.worst[:10]:
        console.print(f"  {row.edits:3} edits  {row.source} → {row.answer}  (correct: {row.target})", markup=False)
