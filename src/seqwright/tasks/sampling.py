"""Datasets drawn from a task: training rows, and test rows that are held out of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Annotated, NamedTuple, Protocol, runtime_checkable

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place
from seqwright.core.spec import Count, Rate, Spec
from seqwright.data.batch import Pair
from seqwright.tasks.task import Task

HELD_OUT = 4
"""At most one in so many sources of each length is held out; the others are for training."""


@runtime_checkable
class Sides(Protocol):
    """The symbols on either side of rows up to some length, of a task or of any rows."""

    def source_symbols(self, longest: int) -> tuple[str, ...]: ...

    def target_symbols(self, longest: int) -> tuple[str, ...]: ...


class Noise(Place):
    """Noise in rows, added after their targets were determined; a kind overrides one of the methods or both."""

    __slots__ = ()

    def training_row(self, pair: Pair, sides: Sides, longest: int, generator: np.random.Generator) -> Pair:
        """Return a training row with noise."""
        return pair

    def test_row(self, pair: Pair, sides: Sides, longest: int, generator: np.random.Generator) -> Pair:
        """Return a test row with noise."""
        return pair


class NoNoise(Spec, Noise):
    """Rows as the task draws them."""


class SourceFlips(Spec, Noise):
    """Training sources in which each symbol is replaced with this probability; targets are those of the clean sources."""

    rate: Rate

    def training_row(self, pair: Pair, sides: Sides, longest: int, generator: np.random.Generator) -> Pair:
        return Pair(flipped(pair.source, self.rate, sides.source_symbols(longest), generator), pair.target)


class TargetFlips(Spec, Noise):
    """Training targets in which each symbol is replaced with this probability."""

    rate: Rate

    def training_row(self, pair: Pair, sides: Sides, longest: int, generator: np.random.Generator) -> Pair:
        return Pair(pair.source, flipped(pair.target, self.rate, sides.target_symbols(longest), generator))


class TestFlips(Spec, Noise):
    """Test sources in which each symbol is replaced with this probability; targets are those of the clean sources."""

    __test__ = False  # not a test, in spite of its name

    rate: Rate

    def test_row(self, pair: Pair, sides: Sides, longest: int, generator: np.random.Generator) -> Pair:
        return Pair(flipped(pair.source, self.rate, sides.source_symbols(longest), generator), pair.target)


def flipped(
    sequence: tuple[str, ...], rate: float, symbols: Sequence[str], generator: np.random.Generator
) -> tuple[str, ...]:
    """Replace each symbol, with probability ``rate``, by one of the others, all equally likely.

    >>> flipped(("0", "1"), 0.999999, ("0", "1"), np.random.default_rng(0))
    ('1', '0')
    """
    changed = list(sequence)
    for index in np.flatnonzero(generator.random(len(sequence)) < rate).tolist():
        others = [symbol for symbol in symbols if symbol != sequence[index]]
        if others:
            changed[index] = others[int(generator.integers(len(others)))]
    return tuple(changed)


Source = tuple[str, ...]


class Draw(NamedTuple):
    """Rows that were drawn from a task.

    Attributes:
        train: training rows, which may repeat.
        test: rows of the same lengths, distinct and held out.
        beyond: longer rows, distinct.
        notes: a sentence for each length that has fewer sources than were requested.
    """

    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    beyond: tuple[Pair, ...]
    notes: tuple[str, ...]


class Dataset(Spec):
    """A dataset to draw from a task; the same value always draws the same rows.

    Training lengths are uniform between the two ``lengths``, both included. The ``test`` rows are spread evenly over the
    same lengths, and as many again over the lengths ``beyond``.

    No clean source of ``test`` is trained on, nor does noise turn a training source into one. Of each length at most a
    quarter of all sources is held out (one, where there are fewer than eight), so a small space gives fewer test rows than
    were requested, and a note. If a space has only one source, that is both trained on and tested, with a note.

    Training rows, test rows and noise have generators of their own: a larger number of training rows begins with the same
    ones, and noise changes nothing but the symbols that it replaces.

    >>> from seqwright.tasks.algorithmic import Parity
    >>> draw = Dataset(task=Parity(), train=100, test=6, lengths=(2, 4)).draw()
    >>> len(draw.train), len(draw.test)
    (100, 5)
    >>> print(*draw.notes)
    parity has 4 sources of length 2: 1 is held out, not 2, and training draws from the other 3
    """

    task: Task
    train: Count = 1000
    test: Count = 200
    lengths: tuple[int, int] = (4, 8)
    beyond: tuple[int, ...] = ()
    noise: Noise = NoNoise()
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0

    @property
    def longest(self) -> int:
        """The greatest length of all."""
        return max((self.lengths[1], *self.beyond))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that a row may have."""
        return self.task.alphabet(self.longest)

    def draw(self) -> Draw:
        """Draw the rows.

        Raises:
            SeqwrightError: a field is out of its range, or the task has no sources of some length.
        """
        self._check()
        test, test_notes = self._test()
        beyond, beyond_notes = self._beyond()
        train = self._train(frozenset(test))
        noise = self._generator(_TEST_NOISE)
        rows = [
            self.noise.test_row(Pair(source, self.task.answer(source)), self.task, self.longest, noise)
            for source in (*test, *beyond)
        ]
        return Draw(train, tuple(rows[: len(test)]), tuple(rows[len(test) :]), (*test_notes, *beyond_notes))

    def _test(self) -> tuple[list[Source], list[str]]:
        sources, notes, generator, name = [], [], self._generator(_TEST), self.task.name
        for length, wanted in _evenly(self.test, range(self.lengths[0], self.lengths[1] + 1)):
            space = self.task.space(length)
            rows = _distinct(self.task, length, min(wanted, max(space // HELD_OUT, 1)), generator)
            sources += rows
            if rows and space == 1:
                notes.append(f"{name} has only 1 source of length {length}: it is both trained on and tested")
            elif len(rows) < wanted:
                notes.append(
                    f"{name} has {space} sources of length {length}: {_are(len(rows))} held out, not {wanted}, "
                    f"and training draws from the other {space - len(rows)}"
                )
        return sources, notes

    def _beyond(self) -> tuple[list[Source], list[str]]:
        sources, notes, generator, name = [], [], self._generator(_BEYOND), self.task.name
        for length, wanted in _evenly(self.test, sorted(set(self.beyond))):
            rows = _distinct(self.task, length, min(wanted, self.task.space(length)), generator)
            sources += rows
            if len(rows) < wanted:
                notes.append(f"{name} has no more sources of length {length}: {_are(len(rows))} tested, not {wanted}")
        return sources, notes

    def _train(self, held_out: frozenset[Source]) -> tuple[Pair, ...]:
        least, most = self.lengths
        alone = {length for length in range(least, most + 1) if self.task.space(length) == 1}
        rows, generator, noise = [], self._generator(_TRAIN), self._generator(_TRAIN_NOISE)
        while len(rows) < self.train:
            length = int(generator.integers(least, most + 1))
            source = self.task.source(length, generator)
            while source in held_out and length not in alone:
                source = self.task.source(length, generator)
            clean = Pair(source, self.task.answer(source))
            noisy = self.noise.training_row(clean, self.task, self.longest, noise)
            leaks = noisy.source != source and noisy.source in held_out  # then the row stays clean
            rows.append(clean if leaks else noisy)
        return tuple(rows)

    def _generator(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def _check(self) -> None:
        self.checked()
        least, most = self.lengths
        if least > most:
            raise SeqwrightError(f"there are no lengths from {least} to {most}", fix="give the shorter one first")
        for length in (least, most, *self.beyond):
            self.task.require(length)
        for length in self.beyond:
            if length <= most:
                raise SeqwrightError(
                    f"length {length} is not beyond the training lengths, {least} to {most}", fix="give longer ones"
                )


_TEST, _BEYOND, _TRAIN, _TEST_NOISE, _TRAIN_NOISE = range(5)
"""The numbers of the generators."""


def _evenly(rows: int, lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return each length with its number of rows, equal for all, or one more for the longest.

    >>> _evenly(7, (4, 5, 6))
    [(4, 2), (5, 2), (6, 3)]
    """
    each, over = divmod(rows, max(len(lengths), 1))
    return [(length, each + (index >= len(lengths) - over)) for index, length in enumerate(lengths)]


def _distinct(task: Task, length: int, rows: int, generator: np.random.Generator) -> list[Source]:
    """Draw distinct sources of one length.

    All are equally likely, so that even where they are the whole space, rows × (log rows + 40) draws find them all, but for
    a probability of e⁻⁴⁰.
    """
    found: dict[Source, None] = {}
    for _ in range(int(rows * (log(rows + 1) + 40))):
        if len(found) == rows:
            break
        found[task.source(length, generator)] = None
    return list(found)


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"
