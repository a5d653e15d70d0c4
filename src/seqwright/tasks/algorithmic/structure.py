"""Tasks whose source has structure: numbers and brackets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated

import msgspec
import numpy as np

from seqwright.core.spec import Spec
from seqwright.tasks.alphabets import Several, numerals, some
from seqwright.tasks.task import Task

PLUS = "+"
CLOSING = {"(": ")", "[": "]"}


class ReversedAddition(Spec, Task):
    """Two numbers of N digits, least digit first, with + between; the target is their sum, N + 1 digits, least first.

    ``symbols`` is the base, and numbers may end in zeros.

    Needs positions: a digit depends on the two digits of its own position and on the carry from the one before (least
    digit first as in Lee et al. 2023, arXiv 2307.03381).

    >>> ReversedAddition().row("5 2 + 7 1")  # 25 + 17 = 042
    '5 2 + 7 1 -> 2 4 0'
    """

    symbols: Several = 10

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return (*numerals(self.symbols), PLUS)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return numerals(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        length = len(source) // 2
        total, carried = [], 0
        for one, other in zip(source[:length], source[length + 1 :], strict=True):
            carried, digit = divmod(int(one) + int(other) + carried, self.symbols)
            total.append(str(digit))
        return (*total, str(carried))

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        digits = some(numerals(self.symbols), 2 * length, generator)
        return (*digits[:length], PLUS, *digits[length:])

    def count_sources(self, length: int) -> int:
        return self.symbols ** (2 * length)


class Dyck(Spec, Task):
    """The first N brackets of a balanced word of two kinds of bracket; the target is the one that may close next.

    Never more than ``depth`` are open, and at least one is open at the end. The last bracket is a closing one: if it were
    an opening one, as it mostly is, its partner would be the target and the other brackets would be irrelevant.

    Needs heads and depth: the bracket that is still open is before all that were closed since (Yao et al. 2021, arXiv
    2105.11115; there the target has every bracket).

    >>> Dyck().row("( [ [ ] ( )")
    '( [ [ ] ( ) -> ]'
    """

    depth: Annotated[int, msgspec.Meta(ge=3, le=512)] = 4  # with two, there are no such words of even length

    @property
    def shortest(self) -> int:
        return 3

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return (*CLOSING, *CLOSING.values())

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return tuple(CLOSING.values())

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        opened: list[str] = []
        for bracket in source:
            if bracket in CLOSING:
                opened.append(bracket)
            else:
                opened.pop()
        return (CLOSING[opened[-1]],)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        chance, kinds = _chances(self.depth, length), some(tuple(CLOSING), length, generator)
        source, opened = [], []
        for left, kind, coin in zip(range(length, 0, -1), kinds, generator.random(length).tolist(), strict=True):
            if coin < chance[left][len(opened)]:
                source.append(kind)
                opened.append(kind)
            else:
                source.append(CLOSING[opened.pop()])
        return tuple(source)

    def count_sources(self, length: int) -> int:
        return _ways(self.depth, length)[length][0]


@cache
def _ways(depth: int, length: int) -> list[list[int]]:
    """Return ``[left][open]``: the number of continuations of so many brackets that end with a closing one and leave one open."""
    ways = [[], [0, 0] + [1] * (depth - 1)]
    while len(ways) <= length:
        after = [*ways[-1], 0]  # no continuation exists from deeper than ``depth``
        ways.append([2 * after[now + 1] + (after[now - 1] if now else 0) for now in range(depth + 1)])
    return ways


@cache
def _chances(depth: int, length: int) -> list[list[float]]:
    """Return ``[left][open]``: the probability of an opening bracket, such that every continuation is equally likely."""
    ways = _ways(depth, length)
    chances = [[], [0.0] * (depth + 1)]  # the last one closes
    for left in range(2, length + 1):
        opening = [2 * after for after in (*ways[left - 1][1:], 0)]
        chances.append([part / every if every else 0.0 for part, every in zip(opening, ways[left], strict=True)])
    return chances
