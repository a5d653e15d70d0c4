"""Bootstrap confidence intervals over rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Num

LEVEL = 0.95
"""The fraction of the resampled values inside an interval."""

DRAWS = 1000
"""The default number of resamples."""

AT_ONCE = 2**17
"""The number of rows drawn at once, over all resamples: memory stays constant, and these fit a processor's cache."""

Interval = tuple[float, float]
"""The two ends of a confidence interval."""


def resampled(table: Num[np.ndarray, "n k"], *, draws: int = DRAWS, seed: int = 0) -> Float[np.ndarray, "d k"]:
    """Draw as many rows as there are, with replacement, ``draws`` times, and return the columns' sums.

    Rows are drawn whole, so that the numbers of a row stay together (Efron 1979).

    >>> resampled(np.array([[1, 2]]), draws=2)
    array([[1., 2.],
           [1., 2.]])
    """
    rows = len(table)
    generator = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // rows)
    sums = np.empty((draws, table.shape[1]))
    values = table.astype(np.float64)
    for start in range(0, draws, at_once):
        part = min(at_once, draws - start)
        drawn = generator.integers(rows, size=(part, rows)) + np.arange(part)[:, None] * rows
        times = np.bincount(drawn.ravel(), minlength=part * rows).reshape(part, rows)  # the number of draws of each row
        with np.errstate(invalid="ignore"):  # a loss may be infinite or nan
            sums[start : start + part] = times.astype(np.float64) @ values
    return sums


def ends(values: Float[np.ndarray, "d"], level: float = LEVEL) -> Interval | None:
    """Return the percentile interval of resampled values, without (1 − level)/2 of them on either side.

    Values that are not numbers (ratios with a denominator of 0) are left out.

    Returns:
        The two ends, or ``None`` where no value is a number or one is infinite.

    >>> ends(np.repeat([0.0, 0.5, 1.0], [5, 90, 5]))  # 2.5 % are cut off on either side
    (0.0, 1.0)
    """
    numbers = values[~np.isnan(values)]
    if not len(numbers) or np.isinf(numbers).any():
        return None
    low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval(
    numerators: Num[np.ndarray, "n"],
    denominators: Num[np.ndarray, "n"],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
    transform: Callable[[Float[np.ndarray, "d"]], Float[np.ndarray, "d"]] = np.asarray,
) -> Interval | None:
    """Return the percentile bootstrap interval of Σ numerators / Σ denominators over resampled rows.

    Where all rows are alike (every answer correct) it has no width, although other rows might have differed.

    Args:
        numerators, denominators: of each row; for a rate, 0 or 1 over 1.
        draws: the number of resamples.
        level: the fraction of the resampled ratios inside the interval.
        seed: the resamples' seed; the same rows in the same order give the same interval.
        transform: a function of the ratio, such as ``np.exp`` of a mean loss for a perplexity.

    Returns:
        The two ends; ``None`` where there are fewer than two rows, or all denominators are 0.

    >>> interval(np.array([1, 0, 1, 1]), np.ones(4))
    (0.25, 1.0)
    >>> interval(np.array([1]), np.array([1])) is None
    True
    """
    if len(numerators) < 2:
        return None
    sums = resampled(np.stack([numerators, denominators], axis=1), draws=draws, seed=seed)
    return ends(transform(ratios(sums[:, 0], sums[:, 1])), level)


def ratios(above: Float[np.ndarray, "d"], below: Float[np.ndarray, "d"]) -> Float[np.ndarray, "d"]:
    """Divide one column by another; not a number where the denominator is 0.

    >>> ratios(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
