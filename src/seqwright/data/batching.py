"""Which rows stand together in a batch, and a walk over all of them that can be stopped and taken up again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from seqwright.core.spec import Count, Spec
from seqwright.data.batch import Batch, Coder, Pair


@runtime_checkable
class Examples(Protocol):
    """What a model trains on, by number."""

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        """How many symbols each row's source and target have."""
        ...

    def batch(self, rows: Sequence[int]) -> Batch:
        """The rows of these numbers, side by side."""
        ...


class PairExamples:
    """Pairs, as a coder writes them."""

    def __init__(self, pairs: Sequence[Pair], coder: Coder) -> None:
        self.pairs, self.coder = pairs, coder

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        return np.array([(len(pair.source), len(pair.target)) for pair in self.pairs])

    def batch(self, rows: Sequence[int]) -> Batch:
        return self.coder.batch([self.pairs[row] for row in rows])


class FullBatch(Spec):
    """All rows, every time."""

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        """An epoch: the rows of each batch."""
        return [list(range(len(lengths)))]


class PaddedBatches(Spec):
    """``rows`` at random, padded to the longest among them; every row comes once before any comes twice."""

    rows: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        return _pieces(torch.randperm(len(lengths), generator=generator).tolist(), self.rows)


class EqualLengthBatches(Spec):
    """At most ``rows`` at random whose sources are equally long, and their targets too: nothing needs padding.

    Every row comes once before any comes twice, so rare lengths make small batches.
    """

    rows: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, (source, target) in enumerate(lengths.tolist()):
            buckets[source, target].append(row)
        pieces = []
        for bucket in buckets.values():
            shuffled = torch.randperm(len(bucket), generator=generator).tolist()
            pieces += _pieces([bucket[place] for place in shuffled], self.rows)
        return [pieces[place] for place in torch.randperm(len(pieces), generator=generator).tolist()]


class TokenBatches(Spec):
    """Rows of similar lengths, as many as fill ``tokens``, padding counted; no row is dropped, however long.

    Each epoch shuffles all rows, sorts each stretch of ``window`` batches' worth by length, cuts it into batches and
    shuffles these, so that batches differ from epoch to epoch and little of them is padding.
    """

    tokens: Count
    window: Count = 20

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        sizes = lengths + 1  # START or END
        order = torch.randperm(len(lengths), generator=generator).numpy()
        stretch = max(1, int(self.window * self.tokens / max(1.0, sizes.sum(1).mean())))
        batches: list[list[int]] = []
        for start in range(0, len(order), stretch):
            rows = order[start : start + stretch]
            batches += by_length(rows, sizes, self.tokens)
        return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


def by_length(rows: Int[np.ndarray, "m"], sizes: Int[np.ndarray, "n 2"], tokens: int) -> list[list[int]]:
    """Rows sorted by length and cut where their rectangle, source and target, would hold more than ``tokens``.

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
    """The part of the tokens in some batches of rows, sources and targets, that is padding.

    >>> padding([[0, 1]], np.array([[1, 1], [2, 2]]))  # 6 tokens in a rectangle of 2 × (2 + 2)
    0.25
    """
    room = sum(int(lengths[rows].max(0).sum()) * len(rows) for rows in map(list, batches))
    real = sum(int(lengths[rows].sum()) for rows in map(list, batches))
    return 1 - real / room


class RandomStretches(Spec):
    """Stretches of running text, ``length`` tokens each, ``rows`` a batch, drawn with replacement, as nanoGPT draws them.

    An epoch is as many as have the text's number of tokens together.
    """

    rows: Count
    length: Count

    def plan(self, lengths: Int[np.ndarray, "n 2"], generator: torch.Generator) -> list[list[int]]:
        batches = max(1, len(lengths) // (self.rows * self.length))
        return torch.randint(len(lengths), (batches, self.rows), generator=generator).tolist()


BatchingSpec = FullBatch | PaddedBatches | EqualLengthBatches | TokenBatches | RandomStretches


class Sampler:
    """Batches without end, an epoch after the other.

    Its place is ``(epoch, index)`` and the generator's state when the epoch began; that is all it takes to go on from
    there (:meth:`place`, :meth:`resume`).

    Args:
        examples: what to draw from.
        batching: which rows stand together.
        generator: what orders are drawn from.
        share: ``(rank, of)``, where several processes each take their part of every batch.
    """

    def __init__(
        self, examples: Examples, batching: BatchingSpec, generator: torch.Generator, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.examples, self.batching, self.generator, self.share = examples, batching, generator, share
        self.lengths = examples.lengths()
        self.epoch = 0
        self._begin()
        self._made: tuple[list[int], Batch] | None = None

    def _begin(self) -> None:
        self.began_with = self.generator.get_state()
        self.epoch_plan = self.batching.plan(self.lengths, self.generator)
        self.index = 0

    @property
    def passes(self) -> float:
        """How many times the data was gone through, in epochs and parts of one."""
        return self.epoch + self.index / len(self.epoch_plan)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self.index == len(self.epoch_plan):
            self.epoch += 1
            self._begin()
        self.rows = self.epoch_plan[self.index]
        self.index += 1
        if self._made is None or self._made[0] != self.rows:  # a full batch is made once
            self._made = (self.rows, self._batch())
        return self._made[1]

    def _batch(self) -> Batch:
        rank, of = self.share
        mine = self.rows[rank::of]
        return self.examples.batch(mine) if mine else self.examples.batch(self.rows[:1]).without_rows()

    def place(self) -> tuple[int, int, torch.Tensor]:
        """Epoch, index in it, and the generator's state at its beginning."""
        return self.epoch, self.index, self.began_with

    def resume(self, epoch: int, index: int, began_with: torch.Tensor) -> None:
        """Go on from a place.

        Raises:
            ValueError: there is no such place.
        """
        self.generator.set_state(began_with)
        self._begin()
        if not (epoch >= 0 and 0 <= index <= len(self.epoch_plan)):
            raise ValueError(f"there is no batch {index} in an epoch of {len(self.epoch_plan)}")
        self.epoch, self.index = epoch, index


def _pieces(order: list[int], size: int) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
