"""Charts as SVG, drawn by Altair and vl-convert without network.

Colours are Okabe and Ito's and cividis, which are safe for colour-blind readers; no chart relies on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from math import ceil, floor, isfinite, log10
from typing import Any

import altair as alt

from seqwright.report import formatting
from seqwright.report.formatting import Estimate
from seqwright.report.page import INK, PAPER, Chart

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
MANY = 8
"""Rows above which a matrix is drawn with low cells."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

_SHORT = "datum.value != 0 && abs(datum.value) < 0.001 ? format(datum.value, '.0e') : format(datum.value, '~g')"
"""The format of ticks: 0.01, but 1e-5."""


@dataclass(frozen=True)
class Square:
    """One cell of a matrix: a value between 0 and 1 for its colour (``None``: no colour), and up to two lines of text."""

    row: str
    column: str
    value: float | None
    text: str
    below: str = ""

    @classmethod
    def of(cls, row: str, column: str, rate: Estimate) -> Square:
        """Return the cell of a rate, its interval in small."""
        return cls(row, column, rate.median, formatting.rate(rate.median), formatting.ends(rate))


@dataclass(frozen=True)
class Curve:
    """A median with its interval over training steps."""

    steps: Sequence[int]
    values: Sequence[Estimate]


@dataclass(frozen=True)
class Dot:
    """A median with its interval, in a row of a panel; series differ by mark and colour."""

    row: str
    series: str
    value: Estimate


@dataclass(frozen=True)
class Panel:
    """One axis of a dot chart.

    Attributes:
        title: of the axis.
        ends: the ends of a linear axis; ``None`` for a log axis over all dots.
        compare: a value to compare with, drawn as a dashed line.
    """

    title: str
    dots: Sequence[Dot]
    ends: tuple[float, float] | None = None
    compare: float | None = None


def matrix(
    name: str,
    description: str,
    squares: Sequence[Square],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    *,
    titles: tuple[str | None, str | None] = (None, None),
    width: int = 140,
) -> Chart:
    """Draw a heat map of numbers from 0 to 1 with their texts.

    Args:
        name: the chart's.
        description: for screen readers.
        squares: the cells; without a second line of text, or with many rows, all are low and have one line.
        rows, columns: the names in order; without them, as the squares come.
        titles: of the rows and of the columns.
        width: of a cell, in pixels.
    """
    rows = rows or list(dict.fromkeys(square.row for square in squares))
    columns = columns or list(dict.fromkeys(square.column for square in squares))
    low = len(rows) > MANY or not any(square.below for square in squares)
    data = [
        {"row": s.row, "column": s.column, "value": s.value, "text": s.text, "below": s.below,
         "ink": INK if s.value is None else "#000000" if s.value > 0.45 else "#fffffe"}
        for s in squares
    ]  # fmt: skip
    looks: dict[str, Any] = {"ticks": False, "domain": False, "labelFontSize": 14}
    x = alt.X("column:N", sort=None, title=titles[1], scale=alt.Scale(domain=list(columns), paddingInner=0.04))
    y = alt.Y("row:N", sort=None, title=titles[0], scale=alt.Scale(domain=list(rows), paddingInner=0.06))
    base = alt.Chart(alt.Data(values=data)).encode(
        x=x.axis(orient="top", labelAngle=0, labelPadding=8, labelLimit=135, **looks),
        y=y.axis(labelPadding=12, labelFontWeight="bold", **looks),
    )
    colour = alt.Color("value:Q", legend=None).scale(scheme="cividis", domain=[0, 1])
    filled = base.transform_filter("isValid(datum.value)").mark_rect(cornerRadius=4).encode(color=colour)
    ink = alt.Color("ink:N", scale=None)
    upper = filled.mark_text(dy=0 if low else -8, fontSize=13 if low else 18, fontWeight="bold")
    lower = filled.mark_text(dy=13, fontSize=12.5).encode(text="below:N", color=ink)
    texts = [upper.encode(text="text:N", color=ink), *([] if low else [lower])]
    blank = base.transform_filter("!isValid(datum.value)").mark_text(fontSize=14, opacity=0.6)
    chart = alt.layer(filled, *texts, blank.encode(text="text:N", color=ink)).resolve_scale(color="independent")
    height = min(30, width) if low else 68
    return draw(name, description, chart.properties(width=alt.Step(width), height=alt.Step(height)))


def curve(
    name: str, description: str, title: str, shown: Curve, ends: tuple[float, float], beside: Curve | None = None
) -> Chart:
    """Draw a small chart of a median over steps with its interval as a band, on a log axis; ``beside`` is a median to compare."""
    y = alt.Y("median:Q", title=None, scale=alt.Scale(type="log", domain=list(ends), nice=False))
    y = y.axis(values=decades(ends), labelExpr=_SHORT)
    base = alt.Chart(alt.Data(values=_points(shown, ends))).encode(
        x=alt.X("step:Q", title=None).axis(tickCount=3, format=",d", grid=False, labelFlush=False).scale(nice=False)
    )
    band = base.mark_area(color=BLUE, opacity=0.25).encode(y=alt.Y("low:Q"), y2="high:Q")
    layers: list[alt.Chart] = [band, base.mark_line(color=BLUE, strokeWidth=1.75).encode(y=y)]
    if beside is not None:
        other = base.properties(data=alt.Data(values=_points(beside, ends)))
        layers.insert(0, other.mark_line(color=INK, opacity=0.55, strokeWidth=1.25, strokeDash=[4, 3]).encode(y=y))
    chart = alt.layer(*layers).properties(width=205, height=120, title=title)
    return draw(name, description, chart)


def dots(name: str, description: str, panels: Sequence[Panel], rows: Sequence[str]) -> Chart:
    """Draw medians as marks with their intervals as lines, one row per name, panels side by side."""
    height = 42 * len(rows)
    drawn = [_panel(panel, rows, first=index == 0).properties(height=height) for index, panel in enumerate(panels)]
    return draw(
        name, description, alt.hconcat(*drawn, spacing=28).resolve_scale(color="independent", shape="independent")
    )


def ends(numbers: Sequence[float], margin: float = 1.15) -> tuple[float, float]:
    """Return the ends of a log axis over all finite positive numbers."""
    positive = [value for value in numbers if isfinite(value) and value > 0] or [0.1, 1.0]
    return min(positive) / margin, max(positive) * margin


def decades(within: tuple[float, float]) -> list[float]:
    """Return ticks of a log axis: powers of ten, and where these are few, also their double and fivefold.

    >>> decades((0.0005, 2.0))
    [0.001, 0.01, 0.1, 1.0]
    >>> decades((0.04, 0.7))
    [0.05, 0.1, 0.2, 0.5]
    """
    low, high = within
    powers = [10.0**power for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 1)]
    every = [power for power in powers if low <= power <= high]
    if len(every) >= 3:
        return every if len(every) < 6 else every[1 - len(every) % 2 :: 2]
    finer = [round(power * factor, 12) for power in powers for factor in (1, 2, 5)]
    return [tick for tick in finer if low <= tick <= high]


def _points(shown: Curve, within: tuple[float, float], most: int = 120) -> list[dict[str, float]]:
    """Return the points of a curve, thinned and clipped to the axis."""
    stride = max(1, len(shown.steps) // most)
    kept = sorted({*range(0, len(shown.steps), stride), len(shown.steps) - 1} - {-1})
    return [
        {
            "step": shown.steps[i],
            **{end: _clipped(getattr(shown.values[i], end), within) for end in ("median", "low", "high")},
        }
        for i in kept
    ]


def _clipped(value: float, within: tuple[float, float]) -> float:
    low, high = within
    return min(max(value, low), high) if isfinite(value) else high


def _panel(panel: Panel, rows: Sequence[str], *, first: bool) -> Any:
    """Draw one axis with its marks, intervals and the value to compare with."""
    every = [end for dot in panel.dots for end in (dot.value.median, dot.value.low, dot.value.high)]
    within = panel.ends or ends(every)
    kind = "linear" if panel.ends else "log"
    low, high = within
    ticks = [low + quarter / 4 * (high - low) for quarter in range(5)] if panel.ends else decades(within)
    scale = alt.Scale(type=kind, domain=list(within), nice=False)
    axis = alt.Axis(values=ticks, labelExpr=_SHORT, labelFlush=False)
    x = alt.X("median:Q", title=panel.title, scale=scale, axis=axis)
    start = alt.X("low:Q", title=panel.title, scale=scale, axis=axis)
    base, shape = _rows(panel, rows, within, labels=first)
    whisker = base.mark_rule(strokeWidth=2, opacity=0.55).encode(x=start, x2="high:Q")
    mark = base.mark_point(filled=True, size=95, opacity=1).encode(x=x, shape=shape)
    beyond = base.mark_text(dx=10, fontSize=13, color=INK).encode(x=x, text="infinity:N")
    layers: list[Any] = [whisker, mark, beyond]
    if panel.compare is not None and isfinite(panel.compare):
        line = alt.Chart(alt.Data(values=[{"median": _clipped(panel.compare, within)}]))
        layers.insert(0, line.mark_rule(color=INK, opacity=0.5, strokeDash=[4, 3]).encode(x=x))
    return alt.layer(*layers).properties(width=390 if first else 330)


def _rows(
    panel: Panel, rows: Sequence[str], within: tuple[float, float], *, labels: bool
) -> tuple[alt.Chart, alt.Shape]:
    """Return a chart of a panel's dots in their rows, series one above the other within a row, and the shapes of their marks."""
    series = list(dict.fromkeys(dot.series for dot in panel.dots))
    many = len(series) > 1
    values = [
        {
            "row": dot.row,
            "series": dot.series,
            "infinity": "" if isfinite(dot.value.median) else "∞",
            **{end: _clipped(getattr(dot.value, end), within) for end in ("median", "low", "high")},
        }
        for dot in panel.dots
    ]
    axis = alt.Axis(ticks=False, domain=False, labelPadding=10, labels=labels, grid=True)
    bands = alt.Scale(type="band", domain=list(rows), paddingInner=0, paddingOuter=0)
    legend = alt.Legend(orient="top", title=None, symbolOpacity=1) if many else None
    colours = alt.Scale(domain=series, range=[BLUE, ORANGE, GREEN] if many else [INK])
    shapes = alt.Scale(domain=series, range=["circle", "diamond", "square"])
    chart = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("row:N", sort=None, title=None, axis=axis, scale=bands),
        color=alt.Color("series:N", legend=legend, scale=colours),
    )
    if many:
        chart = chart.encode(yOffset=alt.YOffset("series:N", sort=series).scale(paddingOuter=0.9, paddingInner=0))
    return chart, alt.Shape("series:N", legend=legend, scale=shapes)


def draw(name: str, description: str, chart: Any) -> Chart:
    """Style a chart and draw it as SVG."""
    axis = {"labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK}
    chart = chart.configure(font=FONT, background=PAPER, padding=4, aria=False)
    chart = chart.configure_axis(
        **axis, labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titlePadding=8,
        gridOpacity=0.14, domainOpacity=0.4, tickOpacity=0.4, labelLimit=220,
    ).configure_view(stroke=None).configure_title(
        color=INK, fontSize=12.5, anchor="start", offset=8, limit=250
    ).configure_legend(labelColor=INK, labelFontSize=12, labelLimit=250)  # fmt: skip
    text = StringIO()
    chart.save(text, format="svg")
    return Chart(name, text.getvalue(), description)
