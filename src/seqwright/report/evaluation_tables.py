"""Tables of an evaluation, for its page and for a terminal, which needs no charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqwright.report.formatting import count, number, rate
from seqwright.report.page import Table, Text

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


def length_table(bins: Sequence[Mapping[str, Any]]) -> Table:
    """Return exact match by ranges of source lengths."""
    rows = tuple((length_range(part), with_interval(part["exact_match"], part["interval"], ", ")) for part in bins)
    return Table(("source length (sources)", "exact match"), rows, frozenset({1}))


def _exact(value: float) -> str:
    """Format a value with the four digits that a comparison of two runs needs."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1e6 else number(value)


def length_range(part: Mapping[str, Any]) -> str:
    """Return a range of lengths in words, with its number of sources."""
    short, long = part["shortest"], part["longest"]
    lengths = count(short, "symbol") if short == long else f"{short:,}–{long:,} symbols"
    return f"{lengths} ({part['sources']:,})"


def with_interval(value: float, interval: Sequence[float] | None, between: str) -> str:
    """Return a rate with its interval."""
    return rate(value) + ("" if interval is None else f"{between}{rate(interval[0])} to {rate(interval[1])}")
