"""Lines over training steps, thinned to the resolution of the chart, in strips that share one axis of steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from seqwright.report.charts import BLUE, ORANGE, decades, draw, ends
from seqwright.report.page import INK, Chart

WIDTH = 1000
"""The width of a strip in pixels."""

MAX_POINTS = 500
"""Points of a line, at most."""

DECADE = 10
"""The ratio of largest to smallest value above which a strip has a log axis."""

MAX_MARKS = 80
"""Points of a line that have marks; a line with more has none."""

SHORT = "datum.value != 0 && abs(datum.value) < 0.001 ? format(datum.value, '~e') : format(datum.value, '~g')"
"""The format of values: 0.01, but 1.5e-5."""

LineStyle = Literal["faint", "solid", "dashed"]
"""The style of a line: pale behind another one, solid blue, or dashed orange with marks."""


@dataclass(frozen=True)
class ChartLine:
    """Values at some steps, in the order of the steps; ``name`` is for the legend. Values that are not finite leave a gap."""

    name: str
    steps: Int[np.ndarray, "n"]
    values: Float[np.ndarray, "n"]
    look: LineStyle = "solid"

    def finite(self) -> ChartLine:
        """Return the line without values that are not finite."""
        kept = np.isfinite(self.values)
        return ChartLine(self.name, self.steps[kept], self.values[kept], self.look)

    def thinned(self, most: int = MAX_POINTS) -> ChartLine:
        """Return at most ``most`` of its points: the lowest and the highest of each stretch, so that no spike is lost.

        >>> spiky = ChartLine("loss", np.arange(100), np.where(np.arange(100) == 12, 9.0, 1.0))
        >>> spiky.thinned(6).steps.tolist()
        [0, 12, 50, 99]
        """
        size = len(self.values)
        if size <= most:
            return self
        cuts = np.linspace(0, size, (most - 2) // 2 + 1).astype(int).tolist()
        kept = {
            start + int(at)
            for start, stop in pairwise(cuts)
            for at in (self.values[start:stop].argmin(), self.values[start:stop].argmax())
        }
        chosen = np.array(sorted(kept | {0, size - 1}))
        return ChartLine(self.name, self.steps[chosen], self.values[chosen], self.look)

    def smoothed(self, name: str, window: int) -> ChartLine:
        """Return the running mean over ``window`` points around each point, fewer at the ends.

        >>> ChartLine("loss", np.arange(4), np.array([1.0, 3.0, 5.0, 7.0])).smoothed("mean", 3).values
        array([2., 3., 5., 6.])
        """
        size, half = len(self.values), window // 2
        sums = np.concatenate([[0.0], np.cumsum(self.values)])
        low = np.maximum(np.arange(size) - half, 0)
        high = np.minimum(np.arange(size) + half + 1, size)
        return ChartLine(name, self.steps, (sums[high] - sums[low]) / (high - low))


@dataclass(frozen=True)
class Strip:
    """One axis of values with its lines; ``height`` is in pixels, ``within`` fixes the ends of the axis."""

    title: str
    lines: Sequence[ChartLine]
    height: int = 220
    within: tuple[float, float] | None = None


def strips(name: str, description: str, shown: Sequence[Strip], best: int | None = None) -> Chart:
    """Draw strips one above the other; a dashed line through all of them marks the step ``best``."""
    last = max((int(line.steps[-1]) for strip in shown for line in strip.lines if len(line.steps)), default=1)
    drawn = [_strip(strip, last, best, lowest=strip is shown[-1]) for strip in shown]
    return draw(
        name, description, alt.vconcat(*drawn, spacing=22).resolve_scale(color="independent", strokeDash="independent")
    )


def _strip(strip: Strip, last: int, best: int | None, *, lowest: bool) -> Any:
    lines = [line.finite() for line in strip.lines]
    axis, scale = _axis(strip, [float(value) for line in lines for value in line.values])
    x = alt.X("step:Q", title="step" if lowest else None).scale(domain=[0, last], nice=False)
    x = x.axis(format=",d", grid=False, labels=lowest, ticks=lowest, labelFlush=False, tickMinStep=1, tickCount=10)
    y = alt.Y("value:Q", title=strip.title, axis=axis, scale=scale)
    named = {line.name: line.look for line in lines if line.look != "faint"}
    legend = None
    if len(named) > 1:
        legend = alt.Legend(
            orient="top", title=None, symbolType="stroke", symbolSize=500, symbolStrokeWidth=2, offset=4
        )
    colours = [BLUE if look == "solid" else ORANGE for look in named.values()]
    colour = alt.Color("name:N", legend=legend).scale(domain=list(named), range=colours)
    dashes = [[1, 0] if look == "solid" else [6, 3] for look in named.values()]
    dash = alt.StrokeDash("name:N", legend=legend).scale(domain=list(named), range=dashes)
    layers: list[Any] = []
    if best is not None:
        mark = alt.Chart(_data([{"step": best}])).encode(x=x)
        layers.append(mark.mark_rule(color=INK, opacity=0.5, strokeDash=[3, 3]))
    for line in lines:
        thin = line.thinned()
        points = zip(thin.steps.tolist(), thin.values.tolist(), strict=True)
        base = alt.Chart(_data([{"step": step, "value": value, "name": line.name} for step, value in points]))
        base = base.encode(x=x, y=y)
        if line.look == "faint":
            layers.append(base.mark_line(color=BLUE, opacity=0.3, strokeWidth=1, clip=True))
            continue
        layers.append(base.mark_line(strokeWidth=2, clip=True).encode(color=colour, strokeDash=dash))
        if len(thin.steps) == 1 or (line.look == "dashed" and len(thin.steps) <= MAX_MARKS):
            layers.append(base.mark_point(filled=True, size=36, opacity=1, shape="diamond").encode(color=colour))
    return alt.layer(*layers).properties(width=WIDTH, height=strip.height)


def _data(points: list[dict[str, Any]]) -> alt.InlineData:
    """Return points as text that Vega parses: Altair would copy and check a list value by value, many times over."""
    return alt.InlineData(values=json.dumps(points), format=alt.JsonDataFormat(type="json"))


def _axis(strip: Strip, values: Sequence[float]) -> tuple[alt.Axis, alt.Scale]:
    """Return a linear axis, or a log one where the values span more than a decade."""
    linear = alt.Axis(labelExpr=SHORT, tickCount=max(3, strip.height // 35), labelFlush=False)
    if strip.within is not None:
        return linear, alt.Scale(domain=list(strip.within), nice=False)
    if min(values) > 0 and max(values) > DECADE * min(values):
        low, high = ends(values, margin=1.1)
        return alt.Axis(values=decades((low, high)), labelExpr=SHORT), alt.Scale(type="log", domain=[low, high])
    return linear, alt.Scale(zero=False, nice=True)
