"""``seqwright evaluate``: how well a trained model answers a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqwright.cli.predict import in_range, tell_unknown
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.evaluation.measures import Measures
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
    """Exact match, WER, PER, loss and more, each with a 95 % interval; the worst rows; what is confused with what."""
    if set(also or []) - {"bleu", "chrf"}:
        raise SeqwrightError(f"--also {', '.join(also or [])} is not known", fix="give bleu or chrf")
    from seqwright.decoding.beam import Beam
    from seqwright.decoding.greedy import Greedy
    from seqwright.evaluation.text import TextMeasures
    from seqwright.runs.run import load
    from seqwright.training.device import checked_device

    if html is not None and not html.parent.is_dir():
        raise SeqwrightError("its folder does not exist", where=str(html), fix="name another file with --html")
    loaded = load(run, device=checked_device(device))
    if loaded.continues and (beam is not None or also or html is not None):
        raise SeqwrightError(
            "a model of running text is measured by its loss alone", fix="leave --beam, --also and --html out"
        )
    decoder = Greedy() if beam is None else in_range(Beam(width=beam))
    measured = loaded.evaluate(file, decoder, also=also or [])  # pyright: ignore[reportArgumentType]
    if isinstance(measured, TextMeasures):
        print(measured.to_json(indent=2)) if as_json else _tell_text(measured)
        return
    if html is not None:
        from seqwright.runs.page import write_evaluation

        write_evaluation(html, measured, run, file)
    if as_json:
        print(measured.to_json(indent=2))
    else:
        _tell(measured)
        if html is not None:
            print(f"\npage: {html}")
    tell_unknown(loaded)


def _tell(measured: Measures) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(f"{measured.rows:,} rows, {measured.sources:,} different sources; 95 % intervals", soft_wrap=True)
    table = Table()
    for heading in ("", "value", "low", "high"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in ("exact_match", "wer", "per", "loss", "perplexity", "token_accuracy", "bleu", "chrf"):
        value, interval = getattr(measured, name), measured.intervals.get(name)
        if value is not None:
            ends = ("–", "–") if interval is None else (f"{end:.4f}" for end in interval)
            table.add_row(name, f"{value:.4f}", *ends)
    console.print(table)
    lengths = Table(title="by source length", title_justify="left")
    for heading in ("symbols", "sources", "exact match"):
        lengths.add_column(heading, justify="right")
    for part in measured.by_length:
        ends = f"{part.shortest}" if part.shortest == part.longest else f"{part.shortest}–{part.longest}"
        lengths.add_row(ends, f"{part.sources:,}", f"{part.exact_match:.3f}")
    console.print(lengths)
    if measured.confusion:
        told = ", ".join(f"{c.gold or '∅'}→{c.predicted or '∅'} {c.count}×" for c in measured.confusion[:10])
        console.print(f"confused most: {told}", markup=False, soft_wrap=True)
    for row in measured.worst[:10]:
        console.print(f"  {row.edits:3} edits  {row.source} → {row.answer}  (should be {row.target})", markup=False)


def _tell_text(measured: TextMeasures) -> None:
    print(f"{measured.tokens:,} symbols in {measured.rows:,} stretches; 95 % intervals")
    for name in ("loss", "perplexity", "token_accuracy"):
        interval = measured.intervals[name]
        ends = "" if interval is None else f"  [{interval[0]:.4f}, {interval[1]:.4f}]"
        print(f"{name:16}{getattr(measured, name):10.4f}{ends}")
    print(f"{'bits':16}{measured.bits:10.4f}")
