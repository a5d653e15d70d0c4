"""Tasks: for each length a space of sources, and the exact target of each of them."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place
from seqwright.tasks.alphabets import letters, some


class Task(Place):
    """A task with sources of any length, all equally likely, and the one correct target of each.

    The meaning of a length is the task's own: the number of symbols to copy, of digits of a number, of pairs to look up.

    A task of one's own gives ``answer`` and ``source_symbols``, the methods whose defaults do not fit, and where not every
    length makes sense ``shortest`` and ``longest``.
    """

    __slots__ = ()
    rooms: ClassVar[tuple[str, ...]] = ("seqwright.tasks.algorithmic",)

    @abstractmethod
    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        """Return the exact target, never empty."""

    @abstractmethod
    def source_symbols(self, longest: int) -> tuple[str, ...]:
        """Return the symbols that sources up to this length may have."""

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        """Return the symbols that their targets may have: by default, those of sources."""
        return self.source_symbols(longest)

    def draw_source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        """Draw one of the sources of a length that makes sense, all equally likely: by default, any word of that length."""
        return some(self.source_symbols(length), length, generator)

    def count_sources(self, length: int) -> int:
        """Return the number of sources that :meth:`draw_source` may draw."""
        return len(self.source_symbols(length)) ** length

    @property
    def name(self) -> str:
        """The name in tables and options (:func:`task_name`)."""
        return task_name(type(self))

    @property
    def shortest(self) -> int:
        """The least length that makes sense."""
        return 1

    @property
    def longest(self) -> int | None:
        """The greatest length that the symbols allow; ``None`` where any does."""
        return None

    def source(self, length: int, generator: np.random.Generator) -> tuple[str, ...]:
        """Draw one of the sources of a length, all equally likely.

        Raises:
            SeqwrightError: the task has none of this length.
        """
        self.require(length)
        return self.draw_source(length, generator)

    def space(self, length: int) -> int:
        """Return the number of different sources of a length.

        Raises:
            SeqwrightError: the task has none of this length.
        """
        self.require(length)
        return self.count_sources(length)

    def alphabet(self, longest: int) -> tuple[str, ...]:
        """Return the symbols that either side may have, each once."""
        return tuple(dict.fromkeys(self.source_symbols(longest) + self.target_symbols(longest)))

    def row(self, source: str) -> str:
        """Write a source, given with spaces, and its target as a row of text."""
        return f"{source} -> {' '.join(self.answer(tuple(source.split())))}"

    def require(self, length: int) -> None:
        """Check that a length makes sense.

        Raises:
            SeqwrightError: it does not.
        """
        if length < self.shortest:
            fix = f"its lengths begin at {self.shortest}"
        elif self.longest is not None and length > self.longest:
            fix = f"give {self.longest} at most, or more symbols"
        else:
            return
        raise SeqwrightError(f"{self.name} has no source of length {length}", fix=fix)


class LetterTask(Task):
    """A task on words of the first ``symbols`` letters.

    Attributes:
        marks: symbols that only sources have.
    """

    __slots__ = ()
    symbols: int
    marks: ClassVar[tuple[str, ...]] = ()

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return (*letters(self.symbols), *self.marks)

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)


def task_name(kind: type[Task]) -> str:
    """Return the name of a kind of task: ``reversed-addition`` for ``ReversedAddition``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
