"""Cards of examples: what a model answers, and what tells one spec from another."""

from __future__ import annotations

from seqwright.core.spec import Spec, diff
from seqwright.report.page import Card, Text


def answer(source: str, said: str, *, right: bool, wanted: str, note: str = "") -> tuple[Text, ...]:
    """One answer in the paper's form: ``0101 → 0011 ✗ (wanted 0101)``."""
    line = [Text(f"{source} → {said or '(nothing)'}"), Text("✓", "good") if right else Text("✗", "bad")]
    if not right:
        line.append(Text(f"(wanted {wanted})"))
    if note:
        line.append(Text(note, "quiet"))
    return tuple(line)


def edits(title: str, before: Spec, after: Spec) -> Card:
    """What differs between two specs, path by path; fields that went with their part go without saying."""
    changes = diff(before, after)
    told = {
        path: f"{_value(old)} → {_value(new)}"
        for path, (old, new) in changes.items()
        if new is not None or path.rpartition(".")[0] not in changes
    }
    lines = tuple((Text(f"{path or 'model'}:", "quiet"), Text(change)) for path, change in told.items())
    return Card(title, lines, "" if lines else "The models are equal; the training differs.")


def _value(value: object) -> str:
    return "–" if value is None else str(value)
