"""The report's details: loss curves, example answers, specs, all numbers, and how they were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.evaluation.signature import SIGNATURES, name
from seqwright.report import charts, examples
from seqwright.report.page import Card, Cards, Chart, Figure, Heading, Part, Prose, Table, Terms, Text, slug
from seqwright.report.words import rate, spread
from seqwright.studies.ladder.rows import distinct_controls, is_own, place, seeds_of, unique
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.study import Row, Shown
from seqwright.tasks.vocabulary import TOLERANCE

ANSWERS_SHOWN = 12


def curves(rows: Sequence[Row]) -> Iterator[Part]:
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
            f"Training loss, dropout on, over steps; log axis. Line: median over seeds; band: its interval, cut "
            f"at the axis' ends.{beside}",
            small=True,
        )


def _curve(row: Row, base: Row | None, ends: tuple[float, float]) -> Chart:
    title = f"{row.rung} · {row.task if row.variant == 'paper' else row.variant}"
    says = f"Training loss of {place(row)}, {row.variant}: ends at {spread(row.train_loss)}"
    beside = charts.Curve(base.steps, base.curve) if base else None
    file = f"loss-{row.rung}-{slug(row.variant)}-{slug(row.task)}"
    return charts.curve(file, says, title, charts.Curve(row.steps, row.curve), ends, beside)


def answers(rows: Sequence[Row]) -> Iterator[Part]:
    shown = [row for row in rows if row.answers]
    if not shown:
        return
    yield Prose(
        "Answers of a typical seed: the one in the middle when seeds are ordered by exact match. In grey: how "
        "many of all seeds answer the sequence. An answer that ends in … was cut at the length limit."
    )
    for rung in unique(row.rung for row in shown):
        yield Heading(rung)
        if rung == "plain":
            yield Prose(
                f"The first value is given; each further value counts as right within {TOLERANCE} of the wanted one."
            )
        yield Cards(tuple(_card(row) for row in shown if row.rung == rung))


def _card(row: Row) -> Card:
    cut = len(row.answers) - ANSWERS_SHOWN
    note = f"{ANSWERS_SHOWN} of {len(row.answers):,} rows" if cut > 0 else ""
    title = row.task if row.variant == "paper" else f"{row.task} · {row.variant}"
    return Card(title, tuple(_line(row, answer) for answer in row.answers[:ANSWERS_SHOWN]), note)


def _line(row: Row, shown: Shown) -> tuple[Text, ...]:
    said = shown.predicted if shown.stopped else f"{shown.predicted}…"
    share = row.per_task.get(f"{shown.source}→{shown.target}")
    note = "" if share is None else f"{round(share * seeds_of(row))}/{seeds_of(row)}"
    return examples.answer(shown.source, said, right=shown.right, wanted=shown.target, note=note)


def specs(rows: Sequence[Row]) -> Iterator[Part]:
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


def everything(rows: Sequence[Row]) -> Iterator[Part]:
    yield Prose(
        "Medians over seeds and, in brackets, their intervals; a single number did not vary. A signature's number is "
        "how many seeds carry it."
    )
    header = ("rung", "variant", "task", "parameters", "train loss", "eval loss", "exact match", "alone", "signatures")
    yield Table(
        header,
        tuple(
            (
                Text(row.rung, "strong"),
                row.variant,
                row.task,
                f"{row.parameters:,}",
                spread(row.train_loss, between="\n"),
                spread(row.eval_loss, between="\n"),
                spread(row.exact_match, rate, "\n"),
                spread(row.exact_match_alone, rate, "\n"),
                ", ".join(f"{signature} {seeds}" for signature, seeds in row.signatures.items() if seeds),
            )
            for row in rows
        ),
        numeric=frozenset(range(3, 8)),
    )


def method(rows: Sequence[Row]) -> Iterator[Part]:
    tested = "held-out rows" if is_own(rows) else "distinct sequences of the training set"
    yield Prose(
        f"Exact match is, for each seed, the fraction of the {tested} that the model answers by generating "
        "(greedily, dropout off). Padded: all sources in one batch, padded as in training. Alone: without any padding. "
        "Train loss is the last step's, dropout on; eval loss is on the rows asked, dropout off."
    )
    yield Prose(
        "An interval covers the true median over seeds with at least 95 % probability and assumes nothing about how "
        "the numbers are spread: its ends are order statistics (sign test). Below 6 seeds no such interval exists, and "
        "the smallest and largest value are given. A loss that is not a number counts as ∞."
    )
    yield Prose("Signatures are read off behaviour alone; a seed may carry several.")
    yield Terms(tuple((name(signature), _docstring(signature)) for signature in SIGNATURES))


def _docstring(signature: object) -> str:
    return " ".join((signature.__doc__ or "").replace("``", "").split())
