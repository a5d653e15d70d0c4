"""Charts of named lines whose points have intervals, in panels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import altair as alt

from seqwright.report.charts import draw
from seqwright.report.formatting import Estimate
from seqwright.report.page import INK, Chart

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000")
"""The palette of Okabe and Ito, the most salient colours first."""

SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "stroke", "arrow")
"""Marks that distinguish lines without colour."""


@dataclass(frozen=True)
class Series:
    """A line: its name in the legend, and at each ``x`` a median with its interval; integers alone have ticks at integers."""

    name: str
    x: Sequence[float]
    values: Sequence[Estimate]


@dataclass(frozen=True)
class Graph:
    """A panel.

    Attributes:
        x, y: the titles of the axes.
        within: the ends of the y axis; ``None`` for a log axis over all points.
        logarithmic: whether the x axis is a log axis.
        beyond: the x from which the background is shaded: beyond the training data.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Series]
    within: tuple[float, float] | None = (0, 1)
    logarithmic: bool = False
    beyond: float | None = None


def graphs(name: str, description: str, panels: Sequence[Graph], columns: int = 2) -> Chart:
    """Draw panels in rows of ``columns``, with one legend."""
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    drawn = [_panel(panel, names) for panel in panels]
    return draw(name, description, alt.concat(*drawn, columns=columns, spacing=30))


def _panel(panel: Graph, names: Sequence[str]) -> Any:
    points = [
        {"x": x, "line": line.name, "median": value.median, "low": value.low, "high": value.high}
        for line in panel.lines
        for x, value in zip(line.x, line.values, strict=True)
        if all(map(isfinite, (value.median, value.low, value.high)))
    ]
    kind = "log" if panel.within is None else "linear"
    domain = alt.Undefined if panel.within is None else list(panel.within)
    y_scale = alt.Scale(type=kind, domain=domain, nice=False)
    whole = all(isinstance(x, int) for line in panel.lines for x in line.x)
    x_scale = alt.Scale(type="log" if panel.logarithmic else "linear", nice=False, zero=False, padding=8)
    colour = alt.Scale(domain=list(names), range=[COLOURS[index % len(COLOURS)] for index in range(len(names))])
    shape = alt.Scale(domain=list(names), range=[SHAPES[index % len(SHAPES)] for index in range(len(names))])
    legend = alt.Legend(orient="top", title=None, columns=5, symbolOpacity=1) if len(names) > 1 else None
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("x:Q", title=panel.x, scale=x_scale).axis(grid=False, tickCount=6, tickMinStep=1 if whole else 0),
        color=alt.Color("line:N", scale=colour, legend=legend, sort=list(names)),
    )
    y = alt.Y("median:Q", title=panel.y, scale=y_scale)
    layers: list[Any] = [
        base.mark_rule(strokeWidth=1.5, opacity=0.4).encode(
            y=alt.Y("low:Q", title=panel.y, scale=y_scale), y2="high:Q"
        ),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            y=y, shape=alt.Shape("line:N", scale=shape, legend=legend, sort=list(names))
        ),
    ]
    if panel.beyond is not None:
        shading = alt.Chart(alt.Data(values=[{"x": panel.beyond}])).mark_rect(color=INK, opacity=0.06)
        layers.insert(0, shading.encode(x=alt.X("x:Q", title=panel.x, scale=x_scale), x2=alt.X2Value("width")))
    return alt.layer(*layers).properties(width=420, height=230, title=panel.title)
