"""Parts of every study's report: answers, loss curves, the table of all numbers, and how they were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seqwright import __version__
from seqwright.evaluation.signature import SIGNATURES, name
from seqwright.report import charts
from seqwright.report.formatting import rate, spread
from seqwright.report.page import Chart, Heading, Part, Prose, Table, Terms, Text, slug
from seqwright.studies.results import StudyResult
from seqwright.studies.table import ALONE, ANSWERED, EXACT_MATCH, LEARNT_AT, PARAMETERS, CellView, GeneratedAnswer

ANSWERS_SHOWN = 12

ANSWERS = (
    "Answers of a typical seed: the one in the middle when seeds are ordered by exact match. Beside each answer: how "
    "many of all seeds answer the source correctly. An answer that ends in … was cut at the length limit."
)

CURVES = "Training loss, dropout on, over steps; log axis. Line: median over seeds; band: its interval, cut at the axis' ends. Dashed: the first variant of the same family."

CURVE_MARGIN = 2
"""The factor that the axis of losses extends beyond the medians."""


def facts(result: StudyResult, command: str) -> tuple[tuple[str, str], ...]:
    """Return how the results came about, as names and values."""
    return (
        ("seeds", str(result.seeds)),
        ("training runs", f"{result.seeds * len(result.table.cells):,}"),
        ("minutes of work", f"{result.table.seconds / 60:.1f}"),
        ("seqwright", __version__),
        ("made by", command),
    )


def answers(title: str, rows: Mapping[str, CellView]) -> Iterator[Part]:
    """Yield a table of the first sources of some cells on the same task, and of each cell's answers, by its name."""
    first = next(iter(rows.values())).answers
    yield Heading(title if len(first) <= ANSWERS_SHOWN else f"{title}: {ANSWERS_SHOWN} of {len(first):,} rows")
    sources, targets = ([getattr(answer, side) for answer in first] for side in ("source", "target"))
    answered = ([_answer(row, answer) for answer in row.answers[:ANSWERS_SHOWN]] for row in rows.values())
    yield Table(("source", "target", *rows), tuple(zip(sources, targets, *answered, strict=False)))


def _answer(row: CellView, answer: GeneratedAnswer) -> Text:
    """Return an answer, and how many seeds are right on its source, of all."""
    predicted = answer.predicted if answer.stopped else f"{answer.predicted}…"
    group = f"{answer.source}→{answer.target}"
    seeds = f" {round(row.number(ANSWERED, group) * row.seeds)}/{row.seeds}" if row.has(ANSWERED, group) else ""
    mark, look = ("✓", "good") if answer.right else ("✗", "bad")
    return Text(f"{predicted or '(nothing)'} {mark}{seeds}", look)


def curve_ends(rows: Sequence[CellView]) -> tuple[float, float]:
    """Return the ends of an axis that the loss curves of some cells share."""
    return charts.ends([value.median for row in rows for value in row.curve[1]], margin=CURVE_MARGIN)


def loss_curve(title: str, row: CellView, ends: tuple[float, float], beside: CellView | None = None) -> Chart:
    """Draw the training loss over steps, with that of another cell beside it."""
    description = f"Training loss of {row.base}, {row.variant}, on {row.task}: ends at {spread(row.train_loss)}"
    other = charts.Curve(*beside.curve) if beside not in (None, row) else None
    file = f"loss-{slug(row.base)}-{slug(row.variant)}-{slug(row.task)}"
    return charts.curve(file, description, title, charts.Curve(*row.curve), ends, other)


def everything(rows: Sequence[CellView], base: str = "base") -> Iterator[Part]:
    """Yield all numbers of all cells; ``base`` is the heading of the families of variants."""
    yield Prose(
        "Medians over seeds and, in brackets, their intervals; a single number did not vary. A signature's number is "
        "how many seeds carry it."
    )
    header = (
        base, "variant", "task", "parameters", "train loss", "eval loss", "exact match", "alone", "best seed", "beyond",
        "99 % correct at step", "signatures",
    )  # fmt: skip
    yield Table(header, tuple(_numbers(row) for row in rows), numeric=frozenset(range(3, 11)))


def _numbers(row: CellView) -> tuple[str | Text, ...]:
    return (
        row.base,
        Text(row.variant, "strong"),
        row.task,
        f"{row.number(PARAMETERS):,.0f}",
        spread(row.train_loss, between="\n"),
        spread(row.eval_loss, between="\n"),
        spread(row.exact_match, rate, "\n"),
        spread(row.interval(ALONE), rate, "\n"),
        rate(max(row.by_seed(EXACT_MATCH))),
        spread(row.beyond, rate, "\n") if row.beyond else "–",
        learnt_at(row),
        row.signatures,
    )


def learnt_at(row: CellView) -> str:
    """Return the median step at which 99 % of the next tokens are correct, and how many seeds got there, as a table shows it."""
    steps = row.by_seed(LEARNT_AT)
    reached = sorted(step for step in steps if step < float("inf"))
    if not reached:
        return "never"
    middle = f"{reached[(len(reached) - 1) // 2]:,.0f}"
    return middle if len(reached) == len(steps) else f"{middle} ({len(reached)} of {len(steps)} seeds)"


def method(tested: str) -> Iterator[Part]:
    """Yield how exact match, losses, intervals and signatures are measured; ``tested`` names the test rows."""
    yield Prose(
        f"Exact match is, for each seed, the fraction of the {tested} that the model answers by generating "
        "(greedily, dropout off). Padded: all sources in one batch, padded as in training. Alone: without any padding. "
        "Train loss is the last step's, dropout on; eval loss is on the test rows, dropout off."
    )
    yield Prose(
        "An interval covers the true median over seeds with at least 95 % probability and assumes nothing about how "
        "the numbers are distributed: its ends are order statistics (sign test). Below 6 seeds no such interval exists, and "
        "the smallest and largest value are given. A loss that is not a number counts as ∞."
    )
    yield Prose("Signatures are read off behaviour alone; a seed may carry several.")
    yield Terms(tuple((name(signature), _docstring(signature)) for signature in SIGNATURES))


def _docstring(signature: object) -> str:
    return " ".join((signature.__doc__ or "").replace("``", "").split())
