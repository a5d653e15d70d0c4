"""Heat maps on a log scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10

from seqwright.report.charts import Square, matrix
from seqwright.report.page import Chart

DECADES = 6
"""Powers of ten below the greatest value at which a square is as dark as 0."""


def heat(
    name: str,
    description: str,
    values: Sequence[Sequence[float]],
    x: str,
    y: str,
    marked: frozenset[tuple[int, int]] = frozenset(),
) -> Chart:
    """Draw non-negative numbers as colours on a log scale; ``marked`` (row, column) squares have a cross."""
    greatest = max((value for row in values for value in row if isfinite(value)), default=0.0) or 1.0
    squares = [
        Square(str(row), str(column), _shade(value / greatest), "×" if (row, column) in marked else "")
        for row, line in enumerate(values)
        for column, value in enumerate(line)
    ]
    return matrix(name, description, squares, titles=(y, x), width=26)


def _shade(part: float) -> float:
    return max(0.0, 1 + log10(part) / DECADES) if part > 0 and isfinite(part) else 0.0
