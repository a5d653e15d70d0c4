"""Heat maps on a log scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10

import altair as alt

from seqwright.report.charts import ORANGE, draw
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
        {
            "row": row,
            "column": column,
            "shade": _shade(value / greatest),
            "mark": "×" if (row, column) in marked else "",
        }
        for row, line in enumerate(values)
        for column, value in enumerate(line)
    ]
    base = alt.Chart(alt.Data(values=squares)).encode(
        x=alt.X("column:O", title=x, scale=alt.Scale(paddingInner=0.05)).axis(
            labelAngle=0, orient="top", ticks=False, domain=False
        ),
        y=alt.Y("row:O", title=y, scale=alt.Scale(paddingInner=0.05)).axis(ticks=False, domain=False),
    )
    colour = alt.Color("shade:Q", legend=None).scale(scheme="cividis", domain=[0, 1])
    crosses = base.mark_text(fontSize=18, fontWeight="bold", color=ORANGE).encode(text="mark:N")
    chart = alt.layer(base.mark_rect().encode(color=colour), crosses)
    return draw(name, description, chart.properties(width=alt.Step(26), height=alt.Step(26)))


def _shade(part: float) -> float:
    return max(0.0, 1 + log10(part) / DECADES) if part > 0 and isfinite(part) else 0.0
