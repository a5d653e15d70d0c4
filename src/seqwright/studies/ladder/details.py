"""The report's details: loss curves, example answers, and specs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.data.vocabulary import TOLERANCE
from seqwright.report import examples
from seqwright.report.page import Cards, Figure, Heading, Part, Prose
from seqwright.studies.ladder.rows import controls_with_base, distinct_controls
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.report_parts import ANSWERS, CURVES, answer_card, curve_ends, loss_curve
from seqwright.studies.table import CellView, unique


def curves(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield loss curves, squared errors apart from cross-entropies; controls with the paper's curve beside them."""
    bases = {id(row): base for row, base in controls_with_base(rows)}
    for title, chosen in (
        ("Squared error", [row for row in rows if row.base == "plain"]),
        ("Cross-entropy", [row for row in rows if row.base != "plain"]),
    ):
        if not chosen:
            continue
        ends = curve_ends(chosen)
        drawn = tuple(
            loss_curve(f"{row.base} · {_change(row) or row.task}", row, ends, bases.get(id(row))) for row in chosen
        )
        beside = " Dashed: the median of paper on the same rung." if any(map(_change, chosen)) else ""
        yield Heading(title)
        yield Figure(drawn, f"{CURVES}{beside}", small=True)


def _change(row: CellView) -> str:
    return "" if row.variant == "paper" else row.variant


def answers(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield example answers, rung by rung."""
    shown = [row for row in rows if row.answers]
    if not shown:
        return
    yield Prose(ANSWERS)
    for rung in unique(row.base for row in shown):
        yield Heading(rung)
        if rung == "plain":
            yield Prose(
                f"The first value is given; each further value counts as right within {TOLERANCE} of the true one."
            )
        named = {" · ".join(filter(None, (row.task, _change(row)))): row for row in shown if row.base == rung}
        yield Cards(tuple(answer_card(title, row) for title, row in named.items()))


def specs(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield what each rung adds to the one below, and what each control changes."""
    papers = {row.base: row for row in rows if row.variant == "paper"}
    present = [papers[rung] for rung in RUNGS if rung in papers]
    if len(present) > 1:
        yield Heading("Each rung, against the rung below")
        yield Cards(
            tuple(examples.edits(f"{low.base} → {high.base}", low.spec, high.spec) for low, high in pairwise(present))
        )
    controls = distinct_controls(rows)
    if controls:
        yield Heading("Each control, against paper on the same rung")
        yield Cards(
            tuple(examples.edits(f"{row.base}: paper → {row.variant}", base.spec, row.spec) for row, base in controls)
        )
