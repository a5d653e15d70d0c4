"""What a study is made on: a task that draws as many rows as one likes, or the rows of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Pair
from seqwright.data.corpus import Corpus
from seqwright.data.vocabulary import MarkedSources, Vocabulary
from seqwright.studies.data import Exam, StudyData, TaskData, parted, reach
from seqwright.studies.scale import ModelScale
from seqwright.tasks.algorithmic import Task
from seqwright.tasks.sampling import Dataset, Noise, NoNoise

CLEAN = NoNoise()


@runtime_checkable
class SymbolData(StudyData, Protocol):
    """Data that a transformer of symbols can be built for."""

    @property
    def vocabulary(self) -> Vocabulary:
        """All symbols of the rows."""
        ...


@runtime_checkable
class TaskSource(Protocol):
    """One column of a study's table."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def setting(self) -> ModelScale:
        """How large its models are."""
        ...

    @property
    def longest(self) -> int:
        """The length up to which rows are trained on, where nobody says otherwise."""
        ...

    def rows(self, *, longest: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> SymbolData:
        """Rows up to some length, with exams up to the same length and ``beyond``, and with noise.

        Raises:
            SeqwrightError: there are no rows of these lengths.
        """
        ...


@dataclass(frozen=True)
class DrawnRows:
    """A task's rows as a recipe, drawn where they are needed."""

    name: str
    dataset: Dataset

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.dataset.symbols, marks=MarkedSources())

    @property
    def reach(self) -> int:
        task = self.dataset.task
        source = task.source(self.dataset.longest, np.random.default_rng(0))
        return reach([Pair(source, task.answer(source))])

    def drawn(self) -> TaskData:
        """The rows themselves."""
        draw = self.dataset.draw()
        exams = (*by_length(draw.test), *by_length(draw.beyond, beyond=True))
        return TaskData(self.name, draw.train, exams, self.vocabulary, draw.notes)


@dataclass(frozen=True)
class DrawnTask:
    """An algorithmic task."""

    task: Task
    setting: ModelScale

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def longest(self) -> int:
        return max(self.setting.lengths[1], self.task.shortest)

    def rows(self, *, longest: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> DrawnRows:
        """See :class:`TaskSource`; lengths that the task has none of are left out."""
        setting = self.setting
        most = max(longest or self.longest, self.task.shortest)
        limit = self.task.longest or max((most, *beyond))  # some tasks run out of symbols
        least = max(self.task.shortest, min(setting.lengths[0], most, limit))
        dataset = Dataset(
            task=self.task,
            train=setting.train,
            test=setting.test,
            lengths=(least, min(most, limit)),
            beyond=tuple(length for length in beyond if most < length <= limit),
            noise=noise,
        )
        return DrawnRows(self.name, dataset)


@dataclass(frozen=True)
class FileRows(TaskData):
    """A file's rows; their coder is a vocabulary."""

    coder: Vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        return self.coder


@dataclass(frozen=True)
class FileTask:
    """The pairs of a file: a part of its sources is held out and asked."""

    corpus: Corpus
    setting: ModelScale

    @property
    def name(self) -> str:
        return Path(self.corpus.where).stem

    @property
    def longest(self) -> int:
        return int(self.corpus.lengths()[0].max())

    def rows(self, *, longest: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> FileRows:
        train, asked = parted(self.corpus, self.setting.test)
        vocabulary = Vocabulary(self.corpus.symbols, marks=MarkedSources())
        most = longest or self.longest
        short = [pair for pair in train if len(pair.source) <= most]
        inside = [pair for pair in asked if len(pair.source) <= most]
        longer = [pair for pair in asked if beyond and most < len(pair.source) <= max(beyond)]
        if not (short and inside):
            raise SeqwrightError(
                f"no row has a source of at most {most} symbols to train on and another one to ask",
                where=self.corpus.where,
                fix="give more rows, or longer lengths",
            )
        sides, generator = SidesOf(train), np.random.default_rng(0)
        trained = tuple(noise.training_row(pair, sides, most, generator) for pair in short)
        exams = [
            exam
            for pairs, further in ((inside, False), (longer, True))
            for exam in by_length([noise.test_row(pair, sides, most, generator) for pair in pairs], beyond=further)
        ]
        return FileRows(self.name, trained, tuple(exams), vocabulary)


class SidesOf:
    """The symbols that occur on either side of some pairs: what noise puts in their place."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.source = tuple(sorted({symbol for pair in pairs for symbol in pair.source}))
        self.target = tuple(sorted({symbol for pair in pairs for symbol in pair.target}))

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return self.source

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return self.target


def by_length(pairs: Sequence[Pair], *, beyond: bool = False) -> tuple[Exam, ...]:
    """An exam for each length of source, each pair once."""
    groups: dict[int, dict[Pair, None]] = {}
    for pair in pairs:
        groups.setdefault(len(pair.source), {})[pair] = None
    return tuple(Exam(str(length), tuple(groups[length]), beyond) for length in sorted(groups))
