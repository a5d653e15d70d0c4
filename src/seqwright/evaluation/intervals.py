"""The median of a number over seeds, with a confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, isnan
from statistics import median

from seqwright.core.spec import Spec

CONFIDENCE = 0.95


class MedianInterval(Spec, tag=False):
    """The median over seeds and an interval that covers the true median with at least 95 % probability.

    Both ends are observed values, so no distribution is assumed. Below six seeds no such interval exists, and the least and
    the greatest value are given.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> MedianInterval:
        """Return the interval of some values; not-a-numbers (diverged seeds) count as infinite losses.

        >>> MedianInterval.of([1, 2, 3, 4, 5, 6, 7, 8])
        MedianInterval(median=4.5, low=1.0, high=8.0)
        >>> MedianInterval.of([float(n) for n in range(1, 33)])
        MedianInterval(median=16.5, low=10.0, high=23.0)
        """
        ordered = sorted(float("inf") if isnan(value) else float(value) for value in values)
        skip = outside(len(ordered))
        return cls(median=median(ordered), low=ordered[skip], high=ordered[len(ordered) - 1 - skip])


def outside(count: int) -> int:
    """Return the number of values on either side that are outside the interval, by the order statistics of the sign test.

    The interval from the (k+1)-th smallest to the (k+1)-th largest of n values misses the median with probability
    2 · P(Binomial(n, ½) ≤ k); k is the largest that keeps this at 5 % (Conover 1999, §3.2).
    """
    missed, kept = 0.0, 0
    for k in range(count // 2):
        missed += 2 * comb(count, k) / 2**count
        if missed > 1 - CONFIDENCE:
            break
        kept = k
    return kept
