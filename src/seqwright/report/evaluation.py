"""The page of an evaluation: accuracy, errors by source length, confused symbols and the worst answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.report import charts
from seqwright.report.formatting import count, number, rate
from seqwright.report.page import Cards, Chart, Figure, Heading, Page, Part, Prose, Section, Table, Text
from seqwright.report.symbols import side_by_side, visible

MEASURED = {
    "exact_match": ("exact match", "sources answered with a target and nothing else, of all sources"),
    "wer": ("WER", "word error rate: 1 − exact match"),
    "per": ("PER", "symbol error rate: edits to the nearest target, for each gold symbol"),
    "loss": ("loss", "mean nats a token, given the true tokens before it, END counted"),
    "bits": ("bits", "the loss in bits"),
    "perplexity": ("perplexity", "exp(loss)"),
    "token_accuracy": ("token accuracy", "tokens that are the most probable, given the true tokens before them"),
    "bleu": ("BLEU", "0 to 100, by sacrebleu"),
    "chrf": ("chrF", "0 to 100, by sacrebleu"),
}
"""Rows of the first table: field, name and meaning."""

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
        f"answered exactly: {_with_interval(exact_match, measures['intervals'].get('exact_match'), ', 95 % interval ')}."
    )


def _with_interval(value: float, interval: Sequence[float] | None, between: str) -> str:
    return rate(value) + ("" if interval is None else f"{between}{rate(interval[0])} to {rate(interval[1])}")


def measures_table(measures: Mapping[str, Any]) -> Table:
    """Return every measure that there is, with its interval and its meaning."""
    rows = []
    for name, (label, meaning) in MEASURED.items():
        value, interval = measures.get(name), measures["intervals"].get(name)
        if value is None:
            continue
        signature = measures.get("signatures", {}).get(name)
        ends = "–" if interval is None else f"{_exact(interval[0])} to {_exact(interval[1])}"
        counted = f"{meaning} ({signature})" if signature else meaning
        rows.append((Text(label, "strong"), _exact(value), ends, counted))
    return Table(("measure", "value", "95 % interval", "meaning"), tuple(rows), frozenset({1, 2}))


INTERVALS = Prose(
    "Intervals: percentile bootstrap, sources being redrawn. Where all answers are equally good they have no width, "
    "and for a single source there is none."
)


def _exact(value: float) -> str:
    """Format a value with the four digits that a comparison of two runs needs."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1e6 else number(value)


def _by_length(measures: Mapping[str, Any]) -> Iterator[Part]:
    bins = measures["by_length"]
    if len(bins) < 2:
        return
    marks = []
    for part in bins:
        ends = part["interval"] or (part["exact_match"],) * 2
        marks.append(charts.Dot(_range(part), "exact match", Around(part["exact_match"], *ends)))
    overall = measures["exact_match"]
    panel = charts.Panel("exact match", marks, (0.0, 1.0), overall)
    description = "Exact match by source length: " + "; ".join(
        f"{_range(part)}: {_with_interval(part['exact_match'], part['interval'], ', ')}" for part in bins
    )
    yield Figure(
        (charts.dots("by-length", description, [panel], [mark.row for mark in marks]),),
        f"Symbols of the source, and how many sources have them. Line: 95 % interval; dashed: all lengths, {rate(overall)}.",
    )


def length_table(bins: Sequence[Mapping[str, Any]]) -> Table:
    """Return exact match by ranges of source lengths."""
    rows = tuple((_range(part), _with_interval(part["exact_match"], part["interval"], ", ")) for part in bins)
    return Table(("source length (sources)", "exact match"), rows, frozenset({1}))


def _range(part: Mapping[str, Any]) -> str:
    short, long = part["shortest"], part["longest"]
    lengths = count(short, "symbol") if short == long else f"{short:,}–{long:,} symbols"
    return f"{lengths} ({part['sources']:,})"


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
