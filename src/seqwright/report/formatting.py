"""Numbers and lists formatted for a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite, isnan
from typing import Protocol, runtime_checkable


@runtime_checkable
class Estimate(Protocol):
    """A median with an interval."""

    @property
    def median(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


def number(value: float) -> str:
    """Format a loss in few digits.

    >>> number(0.25), number(0.00131), number(0.0000131), number(1234.5), number(float("inf")), number(0)
    ('0.25', '0.0013', '1.3e-5', '1234', '∞', '0')
    """
    if isnan(value):
        return "not a number"
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}".replace("e-0", "e-")


def rate(value: float) -> str:
    """Format a fraction between 0 and 1.

    >>> rate(0.5)
    '0.50'
    """
    return f"{value:.2f}" if isfinite(value) else number(value)


def signed(value: float) -> str:
    """Format a difference of two rates.

    >>> signed(0.5), signed(-0.05)
    ('+0.50', '−0.05')
    """
    return f"{value:+.2f}".replace("-", "−")


def spread(values: Estimate, form: Callable[[float], str] = number, between: str = " ") -> str:
    """Format a median with its interval, or the median alone where nothing varies."""
    if values.low == values.high == values.median:
        return form(values.median)
    return f"{form(values.median)}{between}[{form(values.low)}, {form(values.high)}]"


def ends(values: Estimate) -> str:
    """Format the ends of an interval of rates."""
    return f"{rate(values.low)} to {rate(values.high)}"


def listing(items: Iterable[str]) -> str:
    """Join names as in a sentence.

    >>> listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *first, last = list(items) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def count(amount: int, noun: str) -> str:
    """Format an amount of a noun with a regular plural.

    >>> count(1, "seed"), count(8, "seed")
    ('1 seed', '8 seeds')
    """
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
