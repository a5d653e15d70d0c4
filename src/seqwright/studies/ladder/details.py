"""The report's details: loss curves, example answers, specs, all numbers, and how they were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.data.vocabulary import TOLERANCE
from seqwright.report import charts, examples
from seqwright.report.page import Card, Cards, Chart, Figure, Heading, Part, Prose, Table, Text
from seqwright.studies import report_parts
from seqwright.studies.ladder.rows import Rung, distinct_controls, is_own, unique
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.report_parts import ANSWERS, CURVES, NUMBERS, answer_card, loss_curve, numbers


def curves(rows: Sequence[Rung]) -> Iterator[Part]:
    bases = {(row.rung, row.task): row for row in rows if row.variant == "paper"}
    for title, chosen in (
        ("Squared error", [row for row in rows if row.rung == "plain"]),
        ("Cross-entropy", [row for row in rows if row.rung != "plain"]),
    ):
        if not chosen:
            continue
        ends = charts.ends([value.median for row in chosen for value in row.curve], margin=2)
        controls = [row for row in chosen if row.variant != "paper"]
        drawn = [_curve(row, bases.get((row.rung, row.task)) if row in controls else None, ends) for row in chosen]
        beside = " Dashed: the median of paper on the same rung." if controls else ""
        yield Heading(title)
        yield Figure(
            tuple(drawn),
            f"{CURVES}{beside}",
            small=True,
        )


def _curve(row: Rung, base: Rung | None, ends: tuple[float, float]) -> Chart:
    return loss_curve(f"{row.rung} · {row.task if row.variant == 'paper' else row.variant}", row, ends, base)


def answers(rows: Sequence[Rung]) -> Iterator[Part]:
    shown = [row for row in rows if row.answers]
    if not shown:
        return
    yield Prose(ANSWERS)
    for rung in unique(row.rung for row in shown):
        yield Heading(rung)
        if rung == "plain":
            yield Prose(
                f"The first value is given; each further value counts as right within {TOLERANCE} of the wanted one."
            )
        yield Cards(tuple(_card(row) for row in shown if row.rung == rung))


def _card(row: Rung) -> Card:
    return answer_card(row.task if row.variant == "paper" else f"{row.task} · {row.variant}", row)


def specs(rows: Sequence[Rung]) -> Iterator[Part]:
    papers = {row.rung: row for row in rows if row.variant == "paper"}
    present = [papers[rung] for rung in RUNGS if rung in papers]
    if len(present) > 1:
        yield Heading("Each rung, against the rung below")
        yield Cards(
            tuple(examples.edits(f"{low.rung} → {high.rung}", low.spec, high.spec) for low, high in pairwise(present))
        )
    controls = distinct_controls(rows)
    if controls:
        yield Heading("Each control, against paper on the same rung")
        yield Cards(
            tuple(examples.edits(f"{row.rung}: paper → {row.variant}", base.spec, row.spec) for row, base in controls)
        )


def everything(rows: Sequence[Rung]) -> Iterator[Part]:
    yield Prose(
        "Medians over seeds and, in brackets, their intervals; a single number did not vary. A signature's number is "
        "how many seeds carry it."
    )
    yield Table(
        ("rung", "variant", "task", *NUMBERS),
        tuple((Text(row.rung, "strong"), row.variant, row.task, *numbers(row)) for row in rows),
        numeric=frozenset(range(3, 8)),
    )


def method(rows: Sequence[Rung]) -> Iterator[Part]:
    return report_parts.method("held-out rows" if is_own(rows) else "distinct sequences of the training set")
