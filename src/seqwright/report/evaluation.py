"""The page of an evaluation: accuracy, errors by source length, confused symbols and the worst answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.report import charts
from seqwright.report.evaluation_tables import length_range, measures_table, with_interval
from seqwright.report.formatting import count, number, rate
from seqwright.report.page import Cards, Chart, Figure, Heading, Page, Part, Prose, Section, Table, Text
from seqwright.report.symbols import side_by_side, visible

CONFUSED = 15
"""The maximum number of rows of the table of confusions."""

MAPPED = 12
"""The maximum number of symbols on either side of the map of confusions."""


@dataclass(frozen=True)
class Around:
    """A value and the interval around it."""

    median: float
    low: float
    high: float


def evaluation_page(measures: Mapping[str, Any], *, title: str, facts: Sequence[tuple[str, str]] = ()) -> Page:
    """Return the page of an evaluation.

    Args:
        measures: what ``seqwright evaluate --json`` prints (``msgspec.to_builtins`` of a ``Measures``).
        title: the page's.
        facts: names and values, such as the run and the file.
    """
    sections = (
        Section("Measures", (measures_table(measures), INTERVALS)),
        Section("By source length", tuple(_by_length(measures))),
        Section("Confused symbols", tuple(_confusion(measures["confusion"]))),
        Section("The worst answers", tuple(_worst(measures["worst"]))),
    )
    return Page(title, tuple(_lead(measures)), tuple(facts), tuple(section for section in sections if section.parts))


def _lead(measures: Mapping[str, Any]) -> Iterator[str]:
    exact_match, sources = measures["exact_match"], measures["sources"]
    right = round(exact_match * sources)
    among = f" in {count(measures['rows'], 'row')}" if measures["rows"] != sources else ""
    yield (
        f"{right:,} of {count(sources, 'source')}{among} {'is' if right == 1 else 'are'} "
        f"answered exactly: {with_interval(exact_match, measures['intervals'].get('exact_match'), ', 95 % interval ')}."
    )


INTERVALS = Prose(
    "Intervals: percentile bootstrap, sources being redrawn. Where all answers are equally good they have no width, "
    "and for a single source there is none."
)


def _by_length(measures: Mapping[str, Any]) -> Iterator[Part]:
    bins = measures["by_length"]
    if len(bins) < 2:
        return
    marks = []
    for part in bins:
        ends = part["interval"] or (part["exact_match"],) * 2
        marks.append(charts.Dot(length_range(part), "exact match", Around(part["exact_match"], *ends)))
    overall = measures["exact_match"]
    panel = charts.Panel("exact match", marks, (0.0, 1.0), overall)
    description = "Exact match by source length: " + "; ".join(
        f"{length_range(part)}: {with_interval(part['exact_match'], part['interval'], ', ')}" for part in bins
    )
    yield Figure(
        (charts.dots("by-length", description, [panel], [mark.row for mark in marks]),),
        f"Symbols of the source, and how many sources have them. Line: 95 % interval; dashed: all lengths, {rate(overall)}.",
    )


def _confusion(confusion: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    if not confusion:
        return
    yield Figure(
        (confusion_map(confusion),),
        f"Rows: the gold symbol; columns: the predicted symbol; counts. {visible('')}: nothing, so a row of it holds "
        "symbols put in, a column of it symbols left out. Correct symbols are not shown.",
    )
    yield Heading("The most frequent")
    rows = tuple(
        (
            Text(visible(one["gold"]), "strong"),
            Text(visible(one["predicted"]), "strong"),
            f"{one['count']:,}",
            f"{100 * one['count'] / one['of']:.1f} %" if one["of"] else "–",
            _kind(one),
        )
        for one in confusion[:CONFUSED]
    )
    yield Table(("gold", "predicted", "times", "of such gold symbols", ""), rows, frozenset({2, 3}))


def _kind(one: Mapping[str, Any]) -> Text:
    return Text(
        "put in; of all gold symbols" if not one["gold"] else "left out" if not one["predicted"] else "", "quiet"
    )


def confusion_map(confusion: Sequence[Mapping[str, Any]]) -> Chart:
    """Return a heat map of the counts of predicted symbols by gold symbol, the most confused first.

    Args:
        confusion: ``gold``, ``predicted`` and ``count``, most frequent first.
    """
    most = confusion[0]["count"]
    rows, columns = set[str](), set[str]()
    squares = []
    for one in confusion:
        gold, predicted = visible(one["gold"]), visible(one["predicted"])
        if len(rows | {gold}) <= MAPPED and len(columns | {predicted}) <= MAPPED:
            rows.add(gold)
            columns.add(predicted)
            squares.append(charts.Square(gold, predicted, one["count"] / most, f"{one['count']:,}"))
    description = "Heat map of confusions: " + "; ".join(
        f"{square.column} for {square.row} {square.text} times" for square in squares[:20]
    )
    return charts.matrix("confusion", description, squares, titles=("gold", "predicted"), width=52)


def _worst(worst: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    if not worst:
        return
    yield Prose(
        "Target and answer, symbol under symbol; coloured and bold where they differ, "
        + f"{visible('')} where one has none."
    )
    yield Cards(tuple(side_by_side(row["source"], row["aligned"], _note(row)) for row in worst))


def _note(row: Mapping[str, Any]) -> str:
    note = count(row["edits"], "edit")
    return note if row["loss"] is None else f"{note}; −log p of the target: {number(row['loss'])} nats"
