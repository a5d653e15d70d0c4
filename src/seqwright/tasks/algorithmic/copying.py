"""Tasks whose answer is the source, or a part of it, in an order that the model has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, perm

import numpy as np

from seqwright.tasks.algorithmic.task import Several, Symbols, Task, distinct, letters, some

HIDDEN = "?"
"""Stands where a symbol is to be guessed."""

NOISE = "."
"""Stands where nothing is said."""


class _Letters(Task):
    """Sources and targets of letters alone."""

    symbols: Symbols = 8

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        return some(letters(self.symbols), length, generator)

    def _space(self, length: int) -> int:
        return self.symbols**length


class Copy(_Letters):
    """The source again: N symbols, which may repeat.

    Separates positions: with repeats, content alone does not say which symbol comes next. The kind with and without
    repeats is that of Zhou et al. 2023 (arXiv 2310.16028).

    >>> Copy().row("b a b")
    'b a b -> b a b'
    """

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source)


class UniqueCopy(_Letters):
    """The source again: N symbols, none of them twice, so N is at most the number of symbols.

    Separates width from positions: to find the symbol after the last one said is enough, but all of them must be told
    apart (Zhou et al. 2023, arXiv 2310.16028).

    >>> UniqueCopy().row("c a b")
    'c a b -> c a b'
    """

    symbols: Symbols = 32

    @property
    def longest(self) -> int:
        return self.symbols

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        return distinct(letters(self.symbols), length, generator)

    def _space(self, length: int) -> int:
        return perm(self.symbols, length)


class Reverse(_Letters):
    """The source backwards: N symbols, which may repeat.

    Separates cross attention that finds its place from the end, and shows how much a fixed state can hold (Delétang et
    al. 2022, arXiv 2207.02098).

    >>> Reverse().row("a b c")
    'a b c -> c b a'
    """

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(source[::-1])


class MissingDuplicate(Task):
    """A word of N symbols said twice with one symbol of the 2N hidden; the answer is that symbol.

    Separates kinds of position: the answer stands N places away, whatever N is (Delétang et al. 2022, arXiv 2207.02098).

    >>> MissingDuplicate().row("a b c a ? c")
    'a b c a ? c -> b'
    """

    symbols: Several = 8

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return (*letters(self.symbols), HIDDEN)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        place = source.index(HIDDEN)
        return (source[place - len(source) // 2],)  # the same place of the other word: below 0 counts from the end

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        twice = some(letters(self.symbols), length, generator) * 2
        place = int(generator.integers(2 * length))
        return (*twice[:place], HIDDEN, *twice[place + 1 :])

    def _space(self, length: int) -> int:
        return 2 * length * self.symbols**length


class SelectiveCopy(Task):
    """N places, half of them (rounded up) with symbols and the others with noise; the answer leaves the noise out.

    Separates models that choose by content from those that count places alone: where a symbol goes depends on how much
    noise stood before it (Gu and Dao 2023, arXiv 2312.00752; there the number of symbols is fixed).

    >>> SelectiveCopy().row(". b . a")
    '. b . a -> b a'
    """

    symbols: Symbols = 8

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return (*letters(self.symbols), NOISE)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return tuple(symbol for symbol in source if symbol != NOISE)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        source = [NOISE] * length
        places = generator.permutation(length)[: _kept(length)].tolist()
        for place, symbol in zip(places, some(letters(self.symbols), len(places), generator), strict=True):
            source[place] = symbol
        return tuple(source)

    def _space(self, length: int) -> int:
        return comb(length, _kept(length)) * self.symbols ** _kept(length)


def _kept(length: int) -> int:
    return (length + 1) // 2
