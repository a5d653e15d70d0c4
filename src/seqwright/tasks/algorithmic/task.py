"""What a task is: a space of sources for each length, and the exact answer to each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec

Symbols = Annotated[int, msgspec.Meta(ge=1, le=512)]
"""How many symbols there are to choose from."""

Several = Annotated[int, msgspec.Meta(ge=2, le=512)]
"""The same where one symbol alone would leave nothing to ask."""


class Task(Spec):
    """Sources of any asked length, all equally likely, and the one right answer to each.

    A length is what the task says it is: the number of symbols that are copied, of digits in a number, of pairs to look
    things up in.

    A class of its own gives `_source`, `_space`, `answer`, `source_symbols` and `target_symbols`, and where not every
    length makes sense `shortest` and `longest`.
    """

    @property
    def name(self) -> str:
        """What tables call it: ``reversed-addition`` for ``ReversedAddition``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def shortest(self) -> int:
        """The least length that makes sense."""
        return 1

    @property
    def longest(self) -> int | None:
        """The greatest length that the symbols allow; ``None`` where any does."""
        return None

    def source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        """One of the sources of this length, each as likely as any other.

        Raises:
            SeqwrightError: the task has none of this length.
        """
        self.require(length)
        return self._source(length, generator)

    def space(self, length: int) -> int:
        """How many different sources there are of this length.

        Raises:
            SeqwrightError: the task has none of this length.
        """
        self.require(length)
        return self._space(length)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        """The exact target, never empty."""
        raise NotImplementedError

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        """The symbols that sources up to this length may hold."""
        raise NotImplementedError

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        """The symbols that their answers may hold."""
        raise NotImplementedError

    def alphabet(self, longest: int) -> tuple[str, ...]:
        """The symbols that either may hold, each once."""
        return tuple(dict.fromkeys(self.source_symbols(longest) + self.target_symbols(longest)))

    def row(self, source: str) -> str:
        """A source, written with spaces, and its answer: a row as text."""
        return f"{source} -> {' '.join(self.answer(tuple(source.split())))}"

    def require(self, length: int) -> None:
        """Hold a length against those that make sense.

        Raises:
            SeqwrightError: it is none of them.
        """
        if length < self.shortest:
            raise SeqwrightError(
                f"{self.name} has no source of length {length}", fix=f"its lengths begin at {self.shortest}"
            )
        if self.longest is not None and length > self.longest:
            raise SeqwrightError(
                f"{self.name} has no source of length {length}",
                fix=f"ask for {self.longest} at most, or give it more symbols",
            )

    def _source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        raise NotImplementedError

    def _space(self, length: int) -> int:
        raise NotImplementedError


@cache
def letters(count: int) -> tuple[str, ...]:
    """The first so many symbols that stand for nothing but themselves.

    >>> letters(3), letters(28)[-3:]
    (('a', 'b', 'c'), ('z', 's27', 's28'))
    """
    return tuple(chr(ord("a") + number) if number < 26 else f"s{number + 1}" for number in range(count))


@cache
def capitals(count: int) -> tuple[str, ...]:
    """As many others, which a model can tell from the first kind.

    >>> capitals(3)
    ('A', 'B', 'C')
    """
    return tuple(letter.upper() for letter in letters(count))


@cache
def numerals(count: int) -> tuple[str, ...]:
    """The numbers from 0 on, each one symbol.

    >>> numerals(3)
    ('0', '1', '2')
    """
    return tuple(str(number) for number in range(count))


def some(symbols: tuple[str, ...], count: int, generator: np.random.Generator) -> tuple[str, ...]:
    """So many of the symbols, drawn with repetition."""
    return tuple([symbols[number] for number in generator.integers(len(symbols), size=count).tolist()])


def distinct(symbols: tuple[str, ...], count: int, generator: np.random.Generator) -> tuple[str, ...]:
    """So many of the symbols in random order, none twice."""
    return tuple([symbols[number] for number in generator.permutation(len(symbols))[:count].tolist()])
