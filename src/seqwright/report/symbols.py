"""Symbols in printable form, and two sequences aligned one under the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from unicodedata import category

from seqwright.report.page import Card, Look, Text

LINE_WIDTH = 32
"""Characters in a line of a card."""

SYMBOL_WIDTH = 24
"""Characters of a symbol that are shown."""

MAX_LINES = 6
"""Lines of a sequence that are shown."""

SPACE = "\N{NO-BREAK SPACE}"


def visible(symbol: str) -> str:
    r"""Return a symbol in visible form: ∅ for none, ␣ for a space, ◌ under a combining mark.

    >>> visible(""), visible(" "), visible("\n"), visible("oʊ"), visible("\u0303")
    ('∅', '␣', '\\n', 'oʊ', '◌̃')
    """
    if not symbol:
        return "∅"
    shown = printable(symbol).replace(" ", "␣")
    shown = shown if len(shown) <= SYMBOL_WIDTH else f"{shown[: SYMBOL_WIDTH - 1]}…"
    return f"◌{shown}" if category(shown[0]).startswith("M") else shown


def printable(text: str) -> str:
    r"""Return a text with non-printable characters as Python escapes.

    >>> printable("a\t b")
    'a\\t b'
    """
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def side_by_side(title: str, aligned: Sequence[tuple[str, str] | Sequence[str]], note: str) -> Card:
    """Return a card with the target and the answer, symbol under symbol.

    Args:
        title: of the card.
        aligned: pairs of a symbol of the target and one of the answer; an empty one where a side has none.
        note: printed below.
    """
    columns = [(visible(target), visible(answer)) for target, answer in aligned]
    lines: list[tuple[Text, ...]] = []
    parts = list(_parts(columns))
    for part in parts[:MAX_LINES]:
        lines += [_line("target", part, 0, "good"), _line("answer", part, 1, "bad")]
    left = sum(len(part) for part in parts[MAX_LINES:])
    return Card(
        printable(title) or "(nothing)", tuple(lines), note + (f"; {left:,} more symbols are not shown" if left else "")
    )


def width(text: str) -> int:
    """Return the width of a text in a monospaced font, where combining marks have none.

    >>> width("ã"), width("a\u0303")
    (1, 1)
    """
    return sum(not category(sign).startswith("M") for sign in text)


def _parts(columns: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the columns in portions that fit a line."""
    part: list[tuple[str, str]] = []
    used = 0
    for column in columns:
        size = 1 + max(map(width, column))
        if part and used + size > LINE_WIDTH:
            yield part
            part, used = [], 0
        part.append(column)
        used += size
    if part:
        yield part


def _line(name: str, part: Sequence[tuple[str, str]], side: int, look: Look) -> tuple[Text, ...]:
    """Return one side of a portion; where the sides differ, the narrower symbol is padded."""
    pieces = [Text(name.ljust(6, SPACE), "quiet")]
    for same, columns in groupby(part, lambda column: column[0] == column[1]):
        padded = (column[side] + SPACE * (max(map(width, column)) - width(column[side])) for column in columns)
        pieces.append(Text(SPACE.join(padded), "" if same else look))
    return tuple(pieces)
