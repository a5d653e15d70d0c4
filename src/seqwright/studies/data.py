"""Training rows and test rows of a cell: given, or a recipe that draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Coder, Pair, limit
from seqwright.data.corpus import Corpus
from seqwright.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Exam:
    """Distinct test pairs that belong together: those of one length, or of one task.

    Attributes:
        name: the group in the table of results.
        pairs: sources and their targets.
        beyond: whether they are longer than any training row.
    """

    name: str
    pairs: tuple[Pair, ...]
    beyond: bool = False


@dataclass(frozen=True)
class TaskData:
    """Training rows and exams.

    Attributes:
        name: the task's name in tables.
        train: all training rows, copies included.
        exams: the test rows; the paper tests on its training rows, everything else on rows held out of training.
        coder: between symbols and numbers.
        notes: remarks on these rows for the reader.
    """

    name: str
    train: tuple[Pair, ...]
    exams: tuple[Exam, ...]
    coder: Coder
    notes: tuple[str, ...] = ()

    def drawn(self) -> TaskData:
        """Return self; the data are already materialised."""
        return self

    @property
    def max_length(self) -> int:
        return max_length([*self.train, *self.pairs(beyond=False), *self.pairs(beyond=True)])

    @property
    def vocabulary(self) -> Any:
        """The coder, a :class:`Vocabulary` unless the rows are numbers."""
        return self.coder

    def pairs(self, *, beyond: bool) -> list[Pair]:
        """Return the test pairs within the training lengths, or beyond them."""
        return [pair for exam in self.exams if exam.beyond == beyond for pair in exam.pairs]


@runtime_checkable
class StudyData(Protocol):
    """Rows, or what it takes to draw them: small, so that a cell can be sent to a worker that draws them there."""

    @property
    def name(self) -> str:
        """The task's name in tables."""
        ...

    @property
    def max_length(self) -> int:
        """The maximum number of tokens of a side, marks and generated tokens included: what learned positions must hold."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """All symbols of the rows."""
        ...

    def drawn(self) -> TaskData:
        """Draw the rows; the same ones every time."""
        ...


def max_length(pairs: Sequence[Pair]) -> int:
    """Return the maximum number of tokens of a side: a source between marks, or START and an answer as long as it may get."""
    return max(max(len(pair.source) for pair in pairs) + 2, 1 + limit(pairs))


HELD_OUT = 0.1
"""The share of a file's sources that is held out of training and tested."""


def held_out_split(rows: Corpus, most: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Split into training rows and at most ``most`` test pairs, with no source in both: the same ones every time.

    Raises:
        SeqwrightError: the file has too few different sources to hold any out.
    """
    train, held = rows.split(HELD_OUT, most, seed=0)
    test = {pair.source: pair for pair in reversed(list(held))}  # a source's first row counts
    if not test:
        raise SeqwrightError(
            f"{rows.statistics().sources} different sources are too few to hold any out",
            where=rows.where,
            fix="give at least 10",
        )
    return tuple(train), tuple(test.values())
