"""Alphabets for tasks, and random draws from them."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import msgspec
import numpy as np

Symbols = Annotated[int, msgspec.Meta(ge=1, le=512)]
"""The size of an alphabet."""

Several = Annotated[int, msgspec.Meta(ge=2, le=512)]
"""The size of an alphabet that needs more than one symbol."""


@cache
def letters(count: int) -> tuple[str, ...]:
    """Return the first ``count`` letters, symbols without any further meaning.

    >>> letters(3), letters(28)[-3:]
    (('a', 'b', 'c'), ('z', 's27', 's28'))
    """
    return tuple(chr(ord("a") + number) if number < 26 else f"s{number + 1}" for number in range(count))


@cache
def capitals(count: int) -> tuple[str, ...]:
    """Return as many capital letters, which differ from all of :func:`letters`.

    >>> capitals(3)
    ('A', 'B', 'C')
    """
    return tuple(letter.upper() for letter in letters(count))


@cache
def numerals(count: int) -> tuple[str, ...]:
    """Return the numbers from 0 on, each of them one symbol.

    >>> numerals(3)
    ('0', '1', '2')
    """
    return tuple(str(number) for number in range(count))


def some(symbols: tuple[str, ...], count: int, generator: np.random.Generator) -> tuple[str, ...]:
    """Draw ``count`` of the symbols with replacement."""
    return tuple([symbols[number] for number in generator.integers(len(symbols), size=count).tolist()])


def distinct(symbols: tuple[str, ...], count: int, generator: np.random.Generator) -> tuple[str, ...]:
    """Draw ``count`` of the symbols without replacement."""
    return tuple([symbols[number] for number in generator.permutation(len(symbols))[:count].tolist()])
