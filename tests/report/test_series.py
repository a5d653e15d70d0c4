from __future__ import annotations

from math import inf

from seqwright.evaluation.intervals import MedianInterval
from seqwright.report.series import COLOURS, SHAPES, Graph, Series, graphs


def _values(*medians: float) -> list[MedianInterval]:
    return [MedianInterval(median=value, low=value / 2, high=value) for value in medians]


def test_each_line_has_its_own_colour_mark_and_legend_entry():
    assert len(set(COLOURS)) == len(set(SHAPES)) == 8
    lines = [Series(f"kind {index}", [1, 2], _values(0.1 * index + 0.1, 0.5)) for index in range(8)]
    svg = graphs("g", "lines", [Graph("copy", "length", "exact match", lines)]).svg
    assert all(f"kind {index}" in svg for index in range(8))
    assert all(colour in svg for colour in COLOURS)


def test_infinite_values_are_left_out_and_log_axes_span_the_others():
    values = [*_values(0.01, 10.0), MedianInterval(median=inf, low=inf, high=inf)]
    panel = Graph("loss", "parameters", "loss", [Series("depth 1", [10, 100, 1000], values)], None, logarithmic=True)
    svg = graphs("g", "lines", [panel]).svg
    assert "Infinity" not in svg
    assert "NaN" not in svg


def test_the_range_beyond_training_is_shaded():
    lines = [Series("a", [4, 8, 16], _values(1.0, 0.5, 0.1))]
    shaded, plain = (
        graphs("g", "lines", [Graph("copy", "length", "exact match", lines, beyond=end)]).svg for end in (8.5, None)
    )
    assert shaded.count('opacity="0.06"') > plain.count('opacity="0.06"') == 0
