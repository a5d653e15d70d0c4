from __future__ import annotations

from math import comb, inf, nan

import pytest

from seqwright.evaluation.intervals import MedianInterval, outside


@pytest.mark.parametrize("count", [6, 8, 13, 32, 38, 100])
def test_the_interval_misses_the_median_at_most_once_in_twenty(count: int):
    def missed(k: int) -> float:
        return 2 * sum(comb(count, j) for j in range(k + 1)) / 2**count

    k = outside(count)
    assert missed(k) <= 0.05 < missed(k + 1)


def test_few_values_give_their_extremes():
    assert MedianInterval.of([3.0, 1.0, 2.0]) == MedianInterval(median=2.0, low=1.0, high=3.0)
    assert MedianInterval.of([4.0]) == MedianInterval(median=4.0, low=4.0, high=4.0)


def test_a_diverged_seed_counts_as_the_worst():
    assert MedianInterval.of([1.0, nan, 2.0]) == MedianInterval(median=2.0, low=1.0, high=inf)
