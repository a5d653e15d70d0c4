"""Readings of the ladder's cells that its report and its first sentences share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.studies.table import EXACT_MATCH, CellView


def is_own(rows: Sequence[CellView]) -> bool:
    """Return whether the study is of the user's own pairs: there symbols are no scalars, so rung plain is absent."""
    return all(row.base != "plain" for row in rows)


def learnt(row: CellView) -> int:
    """Return how many seeds answer everything."""
    return row.by_seed(EXACT_MATCH).count(1)


def learnt_of(row: CellView, between: str = " of ") -> str:
    """Return how many seeds of all answer everything."""
    return f"{learnt(row)}{between}{row.seeds}"


def label(row: CellView, detail: str = "") -> str:
    """Return a cell's name in a sentence: its rung, and its task or, for a control, what was changed."""
    what = row.task if row.variant == "paper" else row.variant
    return f"{row.base} ({what}{f': {detail}' if detail else ''})"


def controls_with_base(rows: Sequence[CellView]) -> Iterator[tuple[CellView, CellView]]:
    """Yield every control with the paper's cell that it changes."""
    bases = {(row.base, row.task): row for row in rows if row.variant == "paper"}
    for row in rows:
        if row.variant != "paper" and (row.base, row.task) in bases:
            yield row, bases[row.base, row.task]


def distinct_controls(rows: Sequence[CellView]) -> list[tuple[CellView, CellView]]:
    """Return each control once, with the paper's cell that it changes."""
    return list({(row.base, row.variant): (row, base) for row, base in controls_with_base(rows)}.values())


def loss_misleads(row: CellView, base: CellView) -> bool:
    """Return whether a control's loss is lower than the paper's and yet it answers less: intervals apart, medians apart.

    With another number of outputs the loss is over other symbols, and the two cannot be compared.
    """
    same_symbols = row.cell.spec.output_size == base.cell.spec.output_size
    lower = row.train_loss.high < base.train_loss.low
    return same_symbols and lower and row.exact_match.median < base.exact_match.median


def sentence(text: str) -> str:
    """Return a text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""
