"""Tasks whose answer stands somewhere in the source, and is found by its place or by what stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, perm
from typing import Annotated

import msgspec
import numpy as np

from seqwright.core.spec import Count
from seqwright.tasks.algorithmic.task import Several, Task, capitals, distinct, letters, some

YES, NO = "1", "0"


class EvenPairs(Task):
    """N symbols, each a or b: is the first one the last? Then a changes to b as often as b to a, hence the name.

    Separates looking up two places, for which one head without depth is enough (Delétang et al. 2022, arXiv 2207.02098).

    >>> EvenPairs().row("a b b a")
    'a b b a -> 1'
    """

    @property
    def shortest(self) -> int:
        return 2

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(2)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return (NO, YES)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (YES if source[0] == source[-1] else NO,)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        return some(letters(2), length, generator)

    def _space(self, length: int) -> int:
        return 2**length


class AssociativeRecall(Task):
    """N keys, each followed by its value, and then some of the keys; the answer is their values in the order asked.

    All keys differ, so N is at most the number of symbols; no key is asked twice, so N is at least the number of queries.

    Separates attention from a fixed state, and depth 1 from 2 (multi-query associative recall: Arora et al. 2023, arXiv
    2312.04927; there the queries stand among filler).

    >>> AssociativeRecall().row("c B a A d B a c")
    'c B a A d B a c -> A B'
    """

    symbols: Several = 32
    queries: Count = 2

    @property
    def shortest(self) -> int:
        return self.queries

    @property
    def longest(self) -> int:
        return self.symbols

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols) + capitals(self.symbols)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return capitals(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        pairs, asked = source[: -self.queries], source[-self.queries :]
        value = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return tuple(value[key] for key in asked)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        keys = distinct(letters(self.symbols), length, generator)
        values = some(capitals(self.symbols), length, generator)
        return _pairs(keys, values) + distinct(keys, self.queries, generator)

    def _space(self, length: int) -> int:
        return perm(self.symbols, length) * self.symbols**length * perm(length, self.queries)


class Induction(Task):
    """N symbols, of which the last occurred exactly once before; the answer is what followed it there.

    Separates depth 1 from 2: one head looks at the symbol before, a second finds where that was the last one (Olsson et al.
    2022, arXiv 2209.11895).

    >>> Induction().row("c a b c d a")
    'c a b c d a -> b'
    """

    symbols: Annotated[int, msgspec.Meta(ge=3, le=512)] = 8  # with two, what follows a is always b

    @property
    def shortest(self) -> int:
        return 3

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (source[source.index(source[-1]) + 1],)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        last, place = int(generator.integers(self.symbols)), int(generator.integers(length - 2))
        others = letters(self.symbols)[:last] + letters(self.symbols)[last + 1 :]
        again = letters(self.symbols)[last]
        rest = some(others, length - 2, generator)
        return (*rest[:place], again, *rest[place:], again)

    def _space(self, length: int) -> int:
        return self.symbols * (length - 2) * (self.symbols - 1) ** (length - 2)


class Hops(Task):
    """N nodes in random order, each followed by its successor, and a start; the answer is the node some hops on.

    The nodes form one cycle, longer than twice the hops: no hop can be saved, nor is it shorter to walk back. N is at most
    the number of symbols.

    Separates depth, and what lets it train (residual, norm): each hop looks up what the last one found. Following pointers
    in parallel is the subject of Sanford et al. 2024 (arXiv 2402.09268).

    >>> Hops().row("d a b e a c c b e d a")
    'd a b e a c c b e d a -> b'
    """

    symbols: Several = 32
    hops: Count = 2

    @property
    def shortest(self) -> int:
        return 2 * self.hops + 1

    @property
    def longest(self) -> int:
        return self.symbols

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        *pairs, node = source
        successor = dict(zip(pairs[::2], pairs[1::2], strict=True))
        for _ in range(self.hops):
            node = successor[node]
        return (node,)

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        cycle = distinct(letters(self.symbols), length, generator)
        order = generator.permutation(length).tolist()
        nodes, successors = [cycle[place] for place in order], [cycle[place + 1 - length] for place in order]
        return (*_pairs(nodes, successors), cycle[0])

    def _space(self, length: int) -> int:
        return perm(self.symbols, length) * factorial(length)  # a cycle from its start on, and the order of its pairs


def _pairs(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """One of the first, one of the second, and so on."""
    return tuple([symbol for pair in zip(first, second, strict=True) for symbol in pair])
