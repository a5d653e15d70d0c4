"""Batching rows, and a sampler of batches that can be stopped and continued."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from seqwright.core.place import Place
from seqwright.core.spec import Count, Spec
from seqwright.data.batch import Batch, Coder, Pair


@runtime_checkable
class Examples(Protocol):
    """Numbered rows that a model trains on."""

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        """Return the number of symbols in each row's source and target."""
        ...

    def batch(self, rows: Sequence[int]) -> Batch:
        """Return the rows of these numbers as one batch."""
        ...


class PairExamples:
    """Pairs, encoded by a coder."""

    def __init__(self, pairs: Sequence[Pair], coder: Coder) -> None:
        self.pairs, self.coder = pairs, coder

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        return np.array([(len(pair.source), len(pair.target)) for pair in self.pairs])

    def batch(self, rows: Sequence[int]) -> Batch:
        return self.coder.batch([self.pairs[row] for row in rows])


class Batching(Place):
    """A way to divide the rows of an epoch into batches."""

    __slots__ = ()

    @abstractmethod
    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        """Return the row numbers of each batch of an epoch.

        Args:
            lengths: the number of symbols in each row's source and target.
            generator: the only source of randomness.
        """


class FullBatch(Spec, Batching):
    """One batch of all rows."""

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        return [list(range(len(lengths)))]


class PaddedBatches(Spec, Batching):
    """Random ``rows``, padded to the longest of them; each row occurs once an epoch."""

    rows: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        return _pieces(torch.randperm(len(lengths), generator=generator).tolist(), self.rows)


class EqualLengthBatches(Spec, Batching):
    """Random rows, at most ``rows``, with sources of one length and targets of one length: nothing is padded.

    Each row occurs once an epoch, so rare lengths make small batches.
    """

    rows: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, (source, target) in enumerate(lengths.tolist()):
            buckets[source, target].append(row)
        batches = []
        for bucket in buckets.values():
            shuffled = torch.randperm(len(bucket), generator=generator).tolist()
            batches += _pieces([bucket[index] for index in shuffled], self.rows)
        return _shuffled(batches, generator)


class TokenBatches(Spec, Batching):
    """Rows of similar lengths, as many as fit in ``tokens``, padding included; no row is dropped, however long.

    Each epoch shuffles all rows, sorts each section of about ``window`` batches by length, cuts it into batches and
    shuffles these, so that batches differ from epoch to epoch and little of them is padding.
    """

    tokens: Count
    window: Count = 20

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        sizes = lengths + 1  # START or END
        order = torch.randperm(len(lengths), generator=generator).numpy()
        section = max(1, int(self.window * self.tokens / max(1.0, sizes.sum(1).mean())))
        batches: list[list[int]] = []
        for start in range(0, len(order), section):
            batches += by_length(order[start : start + section], sizes, self.tokens)
        return _shuffled(batches, generator)


def by_length(rows: Int[np.ndarray, "m"], sizes: Int[np.ndarray, "n 2"], tokens: int) -> list[list[int]]:
    """Sort rows by length and cut them where the padded batch, source and target, would exceed ``tokens``.

    >>> by_length(np.arange(4), np.array([[2, 2], [9, 9], [2, 1], [1, 1]]), tokens=8)
    [[3, 2], [0], [1]]
    """
    batches: list[list[int]] = []
    longest_source = longest_target = 0
    ordered = rows[np.lexsort((sizes[rows, 0], sizes[rows, 1]))]
    for row, (source, target) in zip(ordered.tolist(), sizes[ordered].tolist(), strict=True):
        longest_source, longest_target = max(longest_source, source), max(longest_target, target)
        if not batches or (longest_source + longest_target) * (len(batches[-1]) + 1) > tokens:
            batches.append([])
            longest_source, longest_target = source, target
        batches[-1].append(row)
    return batches


def padding(batches: Sequence[Sequence[int]], lengths: Int[np.ndarray, "n 2"]) -> float:
    """Return the fraction of the tokens in some batches, sources and targets, that is padding.

    >>> padding([[0, 1]], np.array([[1, 1], [2, 2]]))  # 6 tokens in a rectangle of 2 × (2 + 2)
    0.25
    """
    padded = sum(int(lengths[rows].max(0).sum()) * len(rows) for rows in map(list, batches))
    real = sum(int(lengths[rows].sum()) for rows in map(list, batches))
    return 1 - real / padded


class RandomStretches(Spec, Batching):
    """Random stretches of running text: ``rows`` a batch of ``length`` tokens, drawn with replacement as in nanoGPT.

    An epoch has about as many tokens as the text.
    """

    rows: Count
    length: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        batches = max(1, len(lengths) // (self.rows * self.length))
        return torch.randint(len(lengths), (batches, self.rows), generator=generator).tolist()


class Sampler:
    """An endless iterator over batches, epoch after epoch.

    Its state is the epoch, the index of the next batch, and the generator's state when the epoch began.

    Args:
        examples: the rows to draw from.
        batching: how an epoch is divided into batches.
        generator: the source of the order of rows.
        share: ``(rank, of)``, where several processes each take their share of every batch.
    """

    def __init__(
        self, examples: Examples, batching: Batching, generator: torch.Generator, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.examples, self.batching, self.generator, self.share = examples, batching, generator, share
        self.lengths = examples.lengths()
        self.epoch = 0
        self._begin_epoch()
        self._made: tuple[list[int], Batch] | None = None

    def _begin_epoch(self) -> None:
        self._epoch_start = self.generator.get_state()
        self.epoch_plan = self.batching.plan(self.lengths, self.generator)
        self.index = 0

    @property
    def epochs(self) -> float:
        """The number of epochs drawn so far, with the fraction of the current one."""
        return self.epoch + self.index / len(self.epoch_plan)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self.index == len(self.epoch_plan):
            self.epoch += 1
            self._begin_epoch()
        self.rows = self.epoch_plan[self.index]
        self.index += 1
        if self._made is None or self._made[0] != self.rows:  # a full batch is made once
            self._made = (self.rows, self._batch())
        return self._made[1]

    def _batch(self) -> Batch:
        rank, of = self.share
        rows = self.rows[rank::of]
        return self.examples.batch(rows) if rows else self.examples.batch(self.rows[:1]).without_rows()

    def state(self) -> dict[str, torch.Tensor]:
        """Return the position in the data, from which :meth:`restore` continues."""
        position = {"epoch": torch.tensor(self.epoch), "index": torch.tensor(self.index)}
        return position | {"epoch_start": self._epoch_start}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Continue from a state.

        Raises:
            ValueError: these rows and this batching have no such position.
        """
        self.generator.set_state(state["epoch_start"])
        self._begin_epoch()
        epoch, index = int(state["epoch"]), int(state["index"])
        if not (epoch >= 0 and 0 <= index <= len(self.epoch_plan)):
            raise ValueError(f"there is no batch {index} in an epoch of {len(self.epoch_plan)}")
        self.epoch, self.index = epoch, index


def _pieces(order: list[int], size: int) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _shuffled(batches: list[list[int]], generator: torch.Generator) -> list[list[int]]:
    return [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]
