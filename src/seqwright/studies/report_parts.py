"""What every study's report tells of a row in the same way: its answers, its curve, its numbers, and how these came about."""

from __future__ import annotations

from collections.abc import Iterator

from seqwright.evaluation.signature import SIGNATURES, name
from seqwright.report import charts, examples
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Card, Chart, Part, Prose, Terms, Text, slug
from seqwright.studies.experiment import Row, Shown

ANSWERS_SHOWN = 12

ANSWERS = (
    "Answers of a typical seed: the one in the middle when seeds are ordered by exact match. In grey: how "
    "many of all seeds answer the sequence. An answer that ends in … was cut at the length limit."
)


def answer_card(title: str, row: Row) -> Card:
    """The first answers of a row's typical seed."""
    cut = len(row.answers) > ANSWERS_SHOWN
    note = f"{ANSWERS_SHOWN} of {len(row.answers):,} rows" if cut else ""
    return Card(title, tuple(_line(row, answer) for answer in row.answers[:ANSWERS_SHOWN]), note)


def _line(row: Row, shown: Shown) -> tuple[Text, ...]:
    said = shown.predicted if shown.stopped else f"{shown.predicted}…"
    share, seeds = row.per_task.get(f"{shown.source}→{shown.target}"), len(row.matches)
    note = "" if share is None else f"{round(share * seeds)}/{seeds}"
    return examples.answer(shown.source, said, right=shown.right, target=shown.target, note=note)


def loss_curve(title: str, row: Row, ends: tuple[float, float], beside: Row | None = None) -> Chart:
    """Training loss over steps, on an axis that all curves share."""
    says = f"Training loss of {row.base}, {row.variant}, on {row.task}: ends at {spread(row.train_loss)}"
    other = charts.Curve(beside.steps, beside.curve) if beside else None
    file = f"loss-{slug(row.base)}-{slug(row.variant)}-{slug(row.task)}"
    return charts.curve(file, says, title, charts.Curve(row.steps, row.curve), ends, other)


CURVES = "Training loss, dropout on, over steps; log axis. Line: median over seeds; band: its interval, cut at the axis' ends."

NUMBERS = ("parameters", "train loss", "eval loss", "exact match", "alone", "signatures")
"""The columns of :func:`numbers`."""


def numbers(row: Row) -> tuple[str, ...]:
    """A row's numbers, as a table has them."""
    return (
        f"{row.parameters:,}",
        spread(row.train_loss, between="\n"),
        spread(row.eval_loss, between="\n"),
        spread(row.exact_match, rate, "\n"),
        spread(row.exact_match_alone, rate, "\n"),
        ", ".join(f"{signature} {seeds}" for signature, seeds in row.signatures.items() if seeds),
    )


def learnt_at(row: Row) -> str:
    """When next tokens were known, as a table has it: the median step, and how many seeds got there."""
    there = sorted(step for step in row.learnt_at if step is not None)
    if not there:
        return "never"
    told = f"{there[(len(there) - 1) // 2]:,}"
    return told if len(there) == len(row.learnt_at) else f"{told} ({len(there)} of {len(row.learnt_at)} seeds)"


def method(tested: str) -> Iterator[Part]:
    """How exact match, losses, intervals and signatures are measured; ``tested`` is what is asked."""
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
