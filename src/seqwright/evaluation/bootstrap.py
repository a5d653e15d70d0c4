"""How far a number could have been from what it is, had other rows of the same kind been asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Num

LEVEL = 0.95
"""The part of the redrawn values that an interval holds."""

DRAWS = 1000
"""How often the rows are redrawn where nobody says otherwise."""

AT_ONCE = 2**17
"""How many rows are drawn at once, all draws counted: memory stays flat, and this many fit a processor's cache."""

Interval = tuple[float, float]


def resampled(table: Num[np.ndarray, "n k"], *, draws: int = DRAWS, seed: int = 0) -> Float[np.ndarray, "d k"]:
    """The columns' sums over as many rows as there are, drawn with replacement, ``draws`` times.

    Rows are drawn whole, so numbers that belong to one row stay together (Efron 1979).

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
        times = np.bincount(drawn.ravel(), minlength=part * rows).reshape(part, rows)  # how often each row came
        with np.errstate(invalid="ignore"):  # a loss that is not a number stays one
            sums[start : start + part] = times.astype(np.float64) @ values
    return sums


def ends(values: Float[np.ndarray, "d"], level: float = LEVEL) -> Interval | None:
    """The percentile interval of redrawn values: what is left once (1 − level)/2 of them is cut off on either side.

    Redrawn values that are not numbers (a ratio whose denominator was never drawn) are left out.

    Returns:
        The two ends, or ``None`` where no value is a number or one is infinite.

    >>> ends(np.repeat([0.0, 0.5, 1.0], [5, 90, 5]))  # 2.5 % are cut off, 5 % lie there
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
    read: Callable[[Float[np.ndarray, "d"]], Float[np.ndarray, "d"]] = np.asarray,
) -> Interval | None:
    """The percentile bootstrap interval of Σ numerators / Σ denominators, rows being redrawn.

    It knows no more than the rows show: where all of them say the same (every answer right), it has no width, though
    other rows might have said something else.

    Args:
        numerators, denominators: of each row; for a rate, 0 or 1 over 1.
        draws: how often the rows are redrawn.
        level: the part of the redrawn ratios that lie inside.
        seed: of the draws; the same rows in the same order give the same interval.
        read: what is made of the ratio, such as ``np.exp`` of a mean loss for a perplexity.

    Returns:
        The two ends; ``None`` where there are fewer than two rows, or all denominators are 0: nothing can be said.

    >>> interval(np.array([1, 0, 1, 1]), np.ones(4))
    (0.25, 1.0)
    >>> interval(np.array([1]), np.array([1])) is None
    True
    """
    if len(numerators) < 2:
        return None
    sums = resampled(np.stack([numerators, denominators], axis=1), draws=draws, seed=seed)
    return ends(read(ratios(sums[:, 0], sums[:, 1])), level)


def ratios(above: Float[np.ndarray, "d"], below: Float[np.ndarray, "d"]) -> Float[np.ndarray, "d"]:
    """One column over another; not a number where the lower one is 0.

    >>> ratios(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
