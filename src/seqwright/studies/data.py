"""What the cells of a study are trained on and asked: rows that are given, or a recipe that draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.batch import Coder, Pair, limit, spell
from seqwright.data.corpus import Corpus


class TestRow(Spec, tag=False):
    """A row that was asked: its two sides spelt out, and the exam it belongs to."""

    source: str
    target: str
    exam: str


@dataclass(frozen=True)
class Exam:
    """Some distinct pairs to ask that belong together: those of one length, or of one task.

    Attributes:
        name: what tables call it.
        pairs: sources, and what they should be answered with.
        beyond: whether they are longer than any row that is trained on.
    """

    name: str
    pairs: tuple[Pair, ...]
    beyond: bool = False


@dataclass(frozen=True)
class TaskData:
    """Rows to train on, and exams.

    Attributes:
        name: what tables call the task.
        train: all training rows, copies included.
        exams: what is asked; the paper asks what it trained on, everything else asks rows held out of training.
        coder: between symbols and numbers.
        notes: what a reader has to know about these rows.
    """

    name: str
    train: tuple[Pair, ...]
    exams: tuple[Exam, ...]
    coder: Coder
    notes: tuple[str, ...] = ()

    def drawn(self) -> TaskData:
        """Themselves: they need no drawing."""
        return self

    @property
    def reach(self) -> int:
        """See :class:`StudyData`."""
        return reach([*self.train, *self.pairs(beyond=False), *self.pairs(beyond=True)])

    def pairs(self, *, beyond: bool) -> list[Pair]:
        """What is asked within training's lengths, or beyond them."""
        return [pair for exam in self.exams if exam.beyond == beyond for pair in exam.pairs]

    def rows(self, *, beyond: bool) -> list[TestRow]:
        """The same, spelt out."""
        return [
            TestRow(source=spell(pair.source), target=spell(pair.target), exam=exam.name)
            for exam in self.exams
            if exam.beyond == beyond
            for pair in exam.pairs
        ]


@runtime_checkable
class StudyData(Protocol):
    """Rows, or what it takes to draw them: small, so that a cell can be sent to a worker that draws them there."""

    @property
    def name(self) -> str:
        """What tables call the task."""
        ...

    @property
    def reach(self) -> int:
        """How many tokens a side has at most, generated ones too: as many places must learned positions have."""
        ...

    def drawn(self) -> TaskData:
        """The rows; the same ones every time."""
        ...


def reach(pairs: Sequence[Pair]) -> int:
    """How many tokens a side of some rows has at most: a source between marks, or START and an answer as long as it may get."""
    return max(max(len(pair.source) for pair in pairs) + 2, 1 + limit(pairs))


HELD_OUT = 0.1
"""The part of a file's sources that is asked and not trained on."""


def parted(rows: Corpus, most: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Rows to train on and at most so many pairs to ask, with no source in both: the same ones every time.

    Raises:
        SeqwrightError: the file has too few different sources to hold any out.
    """
    train, held = rows.split(HELD_OUT, most, seed=0)
    asked = {pair.source: pair for pair in reversed(list(held))}  # a source's first row counts
    if not asked:
        raise SeqwrightError(
            f"{rows.statistics().sources} different sources are too few to hold any out",
            where=rows.where,
            fix="give at least 10",
        )
    return tuple(train), tuple(asked.values())
