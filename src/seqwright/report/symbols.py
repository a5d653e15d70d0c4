"""Symbols as a page can show them, and two sequences of them one under the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from unicodedata import category

from seqwright.report.page import Card, Look, Text

ROOM = 32
"""Characters that stand in a line of a card."""

LONGEST = 24
"""Characters of a symbol that are shown."""

LINES = 6
"""How many lines a sequence may take before it is cut off."""

SPACE = "\N{NO-BREAK SPACE}"


def visible(symbol: str) -> str:
    """A symbol that can be seen: nothing is ∅, a space ␣, a mark without its letter stands on ◌.

    >>> visible(""), visible(" "), visible("\\n"), visible("oʊ"), visible("\u0303")
    ('∅', '␣', '\\\\n', 'oʊ', '◌̃')
    """
    if not symbol:
        return "∅"
    told = printable(symbol).replace(" ", "␣")
    told = told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"
    return f"◌{told}" if category(told[0]).startswith("M") else told


def printable(text: str) -> str:
    """A text with what no font shows written out as Python writes it.

    >>> printable("a\\t b")
    'a\\\\t b'
    """
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def side_by_side(title: str, aligned: Sequence[tuple[str, str] | Sequence[str]], note: str) -> Card:
    """What was wanted and what was said, symbol under symbol.

    Args:
        title: the card's.
        aligned: pairs of a symbol that was wanted and one that was said; an empty one where a side has none.
        note: what is to be said below.
    """
    columns = [(visible(wanted), visible(said)) for wanted, said in aligned]
    lines: list[tuple[Text, ...]] = []
    parts = list(_parts(columns))
    for part in parts[:LINES]:
        lines += [_line("wanted", part, 0, "good"), _line("said", part, 1, "bad")]
    left = sum(len(part) for part in parts[LINES:])
    return Card(
        printable(title) or "(nothing)", tuple(lines), note + (f"; {left:,} more symbols are not shown" if left else "")
    )


def width(text: str) -> int:
    """How many places a text takes in a font of equal widths: marks stand on their letters.

    >>> width("ã"), width("a\u0303")
    (1, 1)
    """
    return sum(not category(sign).startswith("M") for sign in text)


def _parts(columns: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """The columns in portions that fit a line."""
    part: list[tuple[str, str]] = []
    used = 0
    for column in columns:
        size = 1 + max(map(width, column))
        if part and used + size > ROOM:
            yield part
            part, used = [], 0
        part.append(column)
        used += size
    if part:
        yield part


def _line(name: str, part: Sequence[tuple[str, str]], side: int, look: Look) -> tuple[Text, ...]:
    """One side of a portion; where the sides differ, the narrower one is filled up."""
    pieces = [Text(name.ljust(6, SPACE), "quiet")]
    for same, columns in groupby(part, lambda column: column[0] == column[1]):
        told = (column[side] + SPACE * (max(map(width, column)) - width(column[side])) for column in columns)
        pieces.append(Text(SPACE.join(told), "" if same else look))
    return tuple(pieces)
