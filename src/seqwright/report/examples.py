"""Cards with the differences of specs."""

from __future__ import annotations

from seqwright.core.spec import Spec, diff
from seqwright.report.page import Card, Text


def edits(title: str, before: Spec, after: Spec) -> Card:
    """Return a card with the differences of two specs by path, without the fields of removed parts."""
    changes = diff(before, after)
    shown = {
        path: f"{_value(old)} → {_value(new)}"
        for path, (old, new) in changes.items()
        if new is not None or path.rpartition(".")[0] not in changes
    }
    lines = tuple((Text(f"{path or 'model'}:", "quiet"), Text(change)) for path, change in shown.items())
    return Card(title, lines, "" if lines else "The models are equal; the training differs.")


def _value(value: object) -> str:
    return "–" if value is None else str(value)
