"""What the report reads off a study's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.studies.study import Row


def is_own(rows: Sequence[Row]) -> bool:
    """Whether the study is of the user's own pairs: there symbols are no scalars, so rung plain is absent."""
    return all(row.rung != "plain" for row in rows)


def seeds_of(row: Row) -> int:
    return len(row.matches)


def learnt(row: Row) -> int:
    return sum(match == 1 for match in row.matches)


def learnt_of(row: Row, between: str = " of ") -> str:
    return f"{learnt(row)}{between}{seeds_of(row)}"


def place(row: Row, told: str = "") -> str:
    """A row in a sentence: its rung, and its task or, for a control, what was changed."""
    what = row.task if row.variant == "paper" else row.variant
    return f"{row.rung} ({what}{f': {told}' if told else ''})"


def controls_with_base(rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Every control with the paper's row that it changes."""
    bases = {(row.rung, row.task): row for row in rows if row.variant == "paper"}
    for row in rows:
        if row.variant != "paper" and (row.rung, row.task) in bases:
            yield row, bases[row.rung, row.task]


def distinct_controls(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    return list({(row.rung, row.variant): (row, base) for row, base in controls_with_base(rows)}.values())


def loss_misleads(row: Row, base: Row) -> bool:
    """Whether a control's loss is lower than the paper's and yet it answers less: intervals apart, medians apart.

    With another head the loss is over other symbols, and the two cannot be compared.
    """
    same_symbols = row.spec.head == base.spec.head
    lower = row.train_loss.high < base.train_loss.low
    return same_symbols and lower and row.exact_match.median < base.exact_match.median


def unique(items: Iterator[str] | Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
