"""Tasks whose target is the source, or a part of it, in an order that the model has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, perm
from typing import ClassVar

import numpy as np

from seqwright.core.spec import Spec
from seqwright.tasks.alphabets import Several, Symbols, distinct, letters, some
from seqwright.tasks.task import LetterTask

HIDDEN = "?"
"""The symbol in place of a hidden one."""

FILLER = "."
"""A symbol that is not copied."""


class Copy(Spec, LetterTask):
    """The source again: N symbols, which may repeat.

    Needs positions: with repeats, content alone does not determine the next symbol. The version with and without
    repeats is that of Zhou et al. 2023 (arXiv 2310.16028).

    >>> Copy().row("b a b")
    'b a b -> b a b'
    """

    symbols: Symbols = 8

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source)


class UniqueCopy(Spec, LetterTask):
    """The source again: N symbols, none of them twice, so N is at most the number of symbols.

    Needs width rather than positions: it is enough to find the symbol after the last predicted one, but all symbols must
    be distinguished (Zhou et al. 2023, arXiv 2310.16028).

    >>> UniqueCopy().row("c a b")
    'c a b -> c a b'
    """

    symbols: Symbols = 32

    @property
    def longest(self) -> int:
        return self.symbols

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        return distinct(letters(self.symbols), length, generator)

    def count_sources(self, length: int) -> int:
        return perm(self.symbols, length)


class Reverse(Spec, LetterTask):
    """The source backwards: N symbols, which may repeat.

    Needs cross-attention that counts from the end, and shows the capacity of a fixed state (Delétang et al. 2022, arXiv
    2207.02098).

    >>> Reverse().row("a b c")
    'a b c -> c b a'
    """

    symbols: Symbols = 8

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source[::-1])


class MissingDuplicate(Spec, LetterTask):
    """A word of N symbols, written twice with one symbol of the 2N hidden; the target is that symbol.

    Separates kinds of position: the target is N positions away, for every N (Delétang et al. 2022, arXiv 2207.02098).

    >>> MissingDuplicate().row("a b c a ? c")
    'a b c a ? c -> b'
    """

    symbols: Several = 8
    marks: ClassVar[tuple[str, ...]] = (HIDDEN,)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        hidden = source.index(HIDDEN)
        return (source[hidden - len(source) // 2],)  # the same position of the other word; below 0 counts from the end

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        twice = some(letters(self.symbols), length, generator) * 2
        hidden = int(generator.integers(2 * length))
        return (*twice[:hidden], HIDDEN, *twice[hidden + 1 :])

    def count_sources(self, length: int) -> int:
        return 2 * length * self.symbols**length


class SelectiveCopy(Spec, LetterTask):
    """N positions, half of them (rounded up) with letters and the others with filler; the target is without the filler.

    Needs selection by content rather than by position alone: the position of a letter in the target depends on the amount
    of filler before it (Gu and Dao 2023, arXiv 2312.00752; there the number of letters is fixed).

    >>> SelectiveCopy().row(". b . a")
    '. b . a -> b a'
    """

    symbols: Symbols = 8
    marks: ClassVar[tuple[str, ...]] = (FILLER,)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(symbol for symbol in source if symbol != FILLER)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        source = [FILLER] * length
        positions = generator.permutation(length)[: _kept(length)].tolist()
        for position, symbol in zip(positions, some(letters(self.symbols), len(positions), generator), strict=True):
            source[position] = symbol
        return tuple(source)

    def count_sources(self, length: int) -> int:
        return comb(length, _kept(length)) * self.symbols ** _kept(length)


def _kept(length: int) -> int:
    return (length + 1) // 2
