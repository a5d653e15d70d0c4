"""``seqwright evaluate``: the accuracy of a trained model on a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from seqwright.cli.options import AsJson, Device, Html, RunFolder
from seqwright.cli.predict import in_range, print_unknown
from seqwright.cli.tables import console, print_table
from seqwright.core.errors import SeqwrightError

if TYPE_CHECKING:
    from seqwright.core.spec import Spec


def evaluate(
    run: RunFolder,
    file: Annotated[Path, Argument(help="Rows with their targets, written as the training data was; .gz too.")],
    beam: Annotated[int | None, Option(help="Answer by beam search of this width, instead of greedily.")] = None,
    also: Annotated[list[str] | None, Option(help="bleu or chrf, by sacrebleu. Repeatable.")] = None,
    html: Html = None,
    as_json: AsJson = False,
    device: Device = "cpu",
) -> None:
    """Measure exact match, WER, PER, loss and more, each with a 95 % interval; list the worst rows and confused symbols."""
    if set(also or []) - {"bleu", "chrf"}:
        raise SeqwrightError(f"--also {', '.join(also or [])} is not known", fix="give bleu or chrf")
    from seqwright.cli.loading import load_run
    from seqwright.decoding.beam import Beam

    loaded = load_run(run, device)
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


def _print(measured: Spec) -> None:
    import msgspec

    from seqwright.report.evaluation_tables import length_table, measures_table

    out, found = console(), msgspec.to_builtins(measured)
    counts = [f"{found[name]:,} {name}" for name in ("rows", "sources", "tokens") if name in found]
    print_table(out, measures_table(found), ", ".join(counts))
    if "by_length" in found:
        print_table(out, length_table(found["by_length"]), "by source length")
    if confusion := found.get("confusion"):
        pairs = (f"{pair['gold'] or '∅'}→{pair['predicted'] or '∅'} {pair['count']}×" for pair in confusion[:10])
        out.print(f"confused most: {', '.join(pairs)}", soft_wrap=True)
    for row in found.get("worst", [])[:10]:
        out.print(f"  {row['edits']:3} edits  {row['source']} → {row['answer']}  (correct: {row['target']})")
