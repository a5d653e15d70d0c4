"""Which rows stand together in a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import repeat

import torch

from seqwright.core.spec import Spec
from seqwright.tasks.task import Batch, Coder, Pair


class FullBatch(Spec):
    """All rows, every time."""

    def batches(self, pairs: Sequence[Pair], coder: Coder, generator: torch.Generator) -> Iterator[Batch]:
        return repeat(coder.batch(pairs))


class PaddedBatches(Spec):
    """``rows`` at random, padded to the longest among them; every row comes once before any comes twice."""

    rows: int

    def batches(self, pairs: Sequence[Pair], coder: Coder, generator: torch.Generator) -> Iterator[Batch]:
        while True:
            order = torch.randperm(len(pairs), generator=generator).tolist()
            for chosen in _pieces(order, self.rows):
                yield coder.batch([pairs[index] for index in chosen])


class EqualLengthBatches(Spec):
    """At most ``rows`` at random whose sources are equally long, and their targets too: nothing needs padding.

    Every row comes once before any comes twice, so rare lengths make small batches.
    """

    rows: int

    def batches(self, pairs: Sequence[Pair], coder: Coder, generator: torch.Generator) -> Iterator[Batch]:
        buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, pair in enumerate(pairs):
            buckets[len(pair.source), len(pair.target)].append(index)
        while True:
            pieces = []
            for bucket in buckets.values():
                shuffled = torch.randperm(len(bucket), generator=generator).tolist()
                pieces += _pieces([bucket[place] for place in shuffled], self.rows)
            for place in torch.randperm(len(pieces), generator=generator).tolist():
                yield coder.batch([pairs[index] for index in pieces[place]])


BatchingSpec = FullBatch | PaddedBatches | EqualLengthBatches


def _pieces(order: list[int], size: int) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
