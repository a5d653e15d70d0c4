"""Tasks whose target is in the source, and is found by its position or by the symbols beside it."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, perm
from typing import Annotated

import msgspec
import numpy as np

from seqwright.core.spec import Count, Spec
from seqwright.tasks.alphabets import Several, capitals, distinct, letters, some
from seqwright.tasks.task import LetterTask, Task

YES, NO = "1", "0"


class EvenPairs(Spec, Task):
    """N symbols, each a or b: 1 if the first is the last, as then the numbers of ab and of ba together are even.

    Needs the lookup of two positions, for which one head in one layer is enough (Delétang et al. 2022, arXiv 2207.02098).

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


class AssociativeRecall(Spec, Task):
    """N keys, each followed by its value, and then some of the keys as queries; the target is their values in order.

    All keys differ, so N is at most the number of symbols; no query is repeated, so N is at least the number of queries.

    Separates attention from a fixed state, and depth 1 from 2 (multi-query associative recall: Arora et al. 2023, arXiv
    2312.04927; there the queries are among filler).

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
        pairs, queries = source[: -self.queries], source[-self.queries :]
        value = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return tuple(value[key] for key in queries)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        keys = distinct(letters(self.symbols), length, generator)
        values = some(capitals(self.symbols), length, generator)
        return _pairs(keys, values) + distinct(keys, self.queries, generator)

    def count_sources(self, length: int) -> int:
        return perm(self.symbols, length) * self.symbols**length * perm(length, self.queries)


class Induction(Spec, LetterTask):
    """N symbols, of which the last occurred exactly once before; the target is the symbol after that occurrence.

    Separates depth 1 from 2: one head attends to the preceding symbol, a second finds the position after the last symbol (Olsson et al.
    2022, arXiv 2209.11895).

    >>> Induction().row("c a b c d a")
    'c a b c d a -> b'
    """

    symbols: Annotated[int, msgspec.Meta(ge=3, le=512)] = 8  # with two, what follows a is always b

    @property
    def shortest(self) -> int:
        return 3

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (source[source.index(source[-1]) + 1],)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        last, before = int(generator.integers(self.symbols)), int(generator.integers(length - 2))
        others = letters(self.symbols)[:last] + letters(self.symbols)[last + 1 :]
        again = letters(self.symbols)[last]
        rest = some(others, length - 2, generator)
        return (*rest[:before], again, *rest[before:], again)

    def count_sources(self, length: int) -> int:
        return self.symbols * (length - 2) * (self.symbols - 1) ** (length - 2)


class Hops(Spec, LetterTask):
    """N nodes in random order, each followed by its successor, and a start; the target is the node some hops on.

    The nodes form one cycle, longer than twice the hops, so that no shorter path exists in either direction. N is at most
    the number of symbols.

    Needs depth, and the parts by which depth trains (residual, norm): each hop looks up the result of the last one.
    Following pointers in parallel is the subject of Sanford et al. 2024 (arXiv 2402.09268).

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

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        *pairs, node = source
        successor = dict(zip(pairs[::2], pairs[1::2], strict=True))
        for _ in range(self.hops):
            node = successor[node]
        return (node,)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        cycle = distinct(letters(self.symbols), length, generator)
        order = generator.permutation(length).tolist()
        nodes, successors = [cycle[index] for index in order], [cycle[index + 1 - length] for index in order]
        return (*_pairs(nodes, successors), cycle[0])

    def count_sources(self, length: int) -> int:
        return perm(self.symbols, length) * factorial(length)  # a cycle from its start on, and the order of its pairs


def _pairs(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Interleave two sequences."""
    return tuple([symbol for pair in zip(first, second, strict=True) for symbol in pair])
