"""Sources of a study's data: a task that draws any number of rows, or the rows of a file."""

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
from seqwright.studies.data import Exam, StudyData, TaskData, held_out_split, max_length
from seqwright.studies.model_scale import ModelScale
from seqwright.tasks.algorithmic import Task
from seqwright.tasks.sampling import Dataset, Noise, NoNoise

CLEAN = NoNoise()


@runtime_checkable
class TaskSource(Protocol):
    """The data of one task of a study, at any lengths and with any noise."""

    @property
    def name(self) -> str:
        """The task's name in tables."""
        ...

    @property
    def scale(self) -> ModelScale:
        """The size of its models and of its data."""
        ...

    @property
    def max_length(self) -> int:
        """The length in symbols up to which rows are trained on by default."""
        ...

    def rows(self, *, max_length: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> StudyData:
        """Return rows up to a source length, with exams up to the same length and of the lengths ``beyond``, and with noise.

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
    def max_length(self) -> int:
        task = self.dataset.task
        source = task.source(self.dataset.longest, np.random.default_rng(0))
        return max_length([Pair(source, task.answer(source))])

    def drawn(self) -> TaskData:
        """Draw the rows."""
        draw = self.dataset.draw()
        exams = (*by_length(draw.test), *by_length(draw.beyond, beyond=True))
        return TaskData(self.name, draw.train, exams, self.vocabulary, draw.notes)


@dataclass(frozen=True)
class DrawnTask:
    """An algorithmic task."""

    task: Task
    scale: ModelScale

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def max_length(self) -> int:
        return max(self.scale.lengths[1], self.task.shortest)

    def rows(self, *, max_length: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> DrawnRows:
        """See :class:`TaskSource`; lengths that the task has none of are left out."""
        most = max(max_length or self.max_length, self.task.shortest)
        limit = self.task.longest or max((most, *beyond))  # some tasks run out of symbols
        least = max(self.task.shortest, min(self.scale.lengths[0], most, limit))
        dataset = Dataset(
            task=self.task,
            train=self.scale.train,
            test=self.scale.test,
            lengths=(least, min(most, limit)),
            beyond=tuple(length for length in beyond if most < length <= limit),
            noise=noise,
        )
        return DrawnRows(self.name, dataset)


@dataclass(frozen=True)
class FileTask:
    """The pairs of a file; a share of its sources is held out and tested."""

    corpus: Corpus
    scale: ModelScale

    @property
    def name(self) -> str:
        return Path(self.corpus.where).stem

    @property
    def max_length(self) -> int:
        return int(self.corpus.lengths()[0].max())

    def rows(self, *, max_length: int | None = None, beyond: Sequence[int] = (), noise: Noise = CLEAN) -> TaskData:
        train, test = held_out_split(self.corpus, self.scale.test)
        vocabulary = Vocabulary(self.corpus.symbols, marks=MarkedSources())
        most = max_length or self.max_length
        short = [pair for pair in train if len(pair.source) <= most]
        inside = [pair for pair in test if len(pair.source) <= most]
        longer = [pair for pair in test if beyond and most < len(pair.source) <= max(beyond)]
        if not (short and inside):
            raise SeqwrightError(
                f"no row has a source of at most {most} symbols to train on and another one to test",
                where=self.corpus.where,
                fix="give more rows, or longer lengths",
            )
        sides, generator = SideSymbols(train), np.random.default_rng(0)
        trained = tuple(noise.training_row(pair, sides, most, generator) for pair in short)
        exams = [
            exam
            for pairs, further in ((inside, False), (longer, True))
            for exam in by_length([noise.test_row(pair, sides, most, generator) for pair in pairs], beyond=further)
        ]
        return TaskData(self.name, trained, tuple(exams), vocabulary)


class SideSymbols:
    """The symbols that occur on either side of some pairs: what noise replaces them by."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.source = tuple(sorted({symbol for pair in pairs for symbol in pair.source}))
        self.target = tuple(sorted({symbol for pair in pairs for symbol in pair.target}))

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return self.source

    def target_symbols(self, longest: int) -> tuple[str, ...]:
        return self.target


def by_length(pairs: Sequence[Pair], *, beyond: bool = False) -> tuple[Exam, ...]:
    """Return an exam for each length of source, each pair once."""
    groups: dict[int, dict[Pair, None]] = {}
    for pair in pairs:
        groups.setdefault(len(pair.source), {})[pair] = None
    return tuple(Exam(str(length), tuple(groups[length]), beyond) for length in sorted(groups))
