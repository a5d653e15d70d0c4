"""Tasks whose target does not depend on the order of the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import comb

import numpy as np

from seqwright.core.spec import Spec
from seqwright.tasks.alphabets import Several, Symbols, letters, numerals, some
from seqwright.tasks.task import LetterTask, Task

MOVES = ("0", "+", "-")


class Parity(Spec, Task):
    """The sum of N bits modulo 2.

    The negative control: one changed bit changes the target, but an average over all bits only slightly (Hahn 2020, arXiv
    1906.06755).

    >>> Parity().row("0 1 1 1")
    '0 1 1 1 -> 1'
    """

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return numerals(2)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (str(source.count("1") % 2),)


class CycleNavigation(Spec, Task):
    """N moves on a cycle, one forward (+), one back (-) or none (0); the target is the final state.

    Needs a computation after averaging: the sum is an average, but taking it modulo the size needs a feed-forward layer
    (Delétang et al. 2022, arXiv 2207.02098).

    >>> CycleNavigation().row("- 0 - +")
    '- 0 - + -> 4'
    """

    size: Several = 5

    @property
    def shortest(self) -> int:
        return self.size // 2  # with fewer moves, some state is out of reach

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return MOVES

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return numerals(self.size)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (str((source.count("+") - source.count("-")) % self.size),)


class Majority(Spec, LetterTask):
    """N symbols, one of them more frequent than any other; the target is that one.

    The positive control: counting needs no positions, so removing them must cost nothing. It is "mode" in Zhou et al.
    2023 (arXiv 2310.16028).

    >>> Majority().row("b a c b a b")
    'b a c b a b -> b'
    """

    symbols: Several = 8

    @property
    def shortest(self) -> int:
        return 3  # without a tie, one or two symbols are all the same

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (Counter(source).most_common(1)[0][0],)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        while True:  # rarely repeated, except for short sources over hundreds of symbols
            source = some(letters(self.symbols), length, generator)
            times = sorted(Counter(source).values())
            if len(times) == 1 or times[-1] > times[-2]:
                return source

    def count_sources(self, length: int) -> int:
        return _untied(self.symbols, length)


class Histogram(Spec, LetterTask):
    """N symbols; the target is the number of occurrences of each symbol, in the alphabet's order.

    A positive control, too, with a longer target: as many numbers as there are symbols (after Weiss et al. 2021, arXiv
    2106.06981, where the target of each position is its own symbol's number).

    >>> Histogram(symbols=3).row("c a c c")
    'c a c c -> 1 0 3'
    """

    symbols: Symbols = 4

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return numerals(longest + 1)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        times = Counter(source)
        return tuple(str(times[letter]) for letter in letters(self.symbols))


class BucketSort(Spec, LetterTask):
    """N symbols, sorted; repeats stay.

    Separates counting from order: the source's order is irrelevant, and the next symbol depends on those predicted so far
    (Delétang et al. 2022, arXiv 2207.02098).

    >>> BucketSort().row("c a b a")
    'c a b a -> a a b c'
    """

    symbols: Symbols = 8

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        times = Counter(source)
        return tuple(letter for letter in letters(self.symbols) for _ in range(times[letter]))


@cache
def _untied(symbols: int, length: int) -> int:
    """Count the words with a single most frequent symbol: its choices, its positions, and words of rarer symbols elsewhere."""
    return symbols * sum(
        comb(length, times) * _words(symbols - 1, length - times, times - 1) for times in range(1, length + 1)
    )


def _words(symbols: int, length: int, times: int) -> int:
    """Count the words in which no symbol occurs more than ``times`` times.

    Words of one symbol have the exponential generating function p = Σ xⁿ/n! up to x to the power ``times``; words of s
    symbols have q = pˢ. From q′p = s p′q follows each coefficient of q from those before it (Euler).

    >>> _words(2, 3, 2)  # all eight, but aaa and bbb
    6
    """
    words = [1]
    for n in range(1, length + 1):
        shorter = range(1, min(n, times) + 1)
        words.append(sum((i * (symbols + 1) - n) * comb(n, i) * words[n - i] for i in shorter) // n)
    return words[length]
