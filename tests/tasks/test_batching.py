from __future__ import annotations

from collections import Counter
from itertools import islice

import torch

from seqwright.tasks.batching import BatchingSpec, EqualLengthBatches, FullBatch, PaddedBatches, PairExamples, Sampler
from seqwright.tasks.paper import EIGHT
from seqwright.tasks.task import Batch
from seqwright.tasks.vocabulary import Vocabulary

BITS = Vocabulary(("0", "1"))


def _sampler(batching: BatchingSpec, seed: int = 0) -> Sampler:
    return Sampler(PairExamples(EIGHT.rows(), BITS), batching, torch.Generator().manual_seed(seed))


def _rows(batch: Batch) -> list[str]:
    assert batch.source is not None
    return [str(row[real].tolist()) for row, real in zip(batch.source.ids, batch.source.real, strict=True)]


def test_every_row_comes_once_before_any_comes_twice():
    wanted = Counter(_rows(BITS.batch(EIGHT.rows())))
    for batching, count in ((FullBatch(), 1), (PaddedBatches(rows=30), 7), (EqualLengthBatches(rows=10), 10 + 5 * 2)):
        batches = _sampler(batching)
        for _ in range(2):
            seen = Counter(row for batch in islice(batches, count) for row in _rows(batch))
            assert seen.total() == 200
            assert seen == wanted


def test_equal_lengths_need_no_padding():
    batches = _sampler(EqualLengthBatches(rows=10))
    for batch in islice(batches, 40):
        assert batch.source is not None
        assert bool(batch.source.real.all())
        assert bool(batch.target.real.all())


def test_a_seed_decides_the_order():
    def first(seed: int) -> list[str]:
        return _rows(next(_sampler(PaddedBatches(rows=30), seed)))

    assert first(0) == first(0)
    assert first(0) != first(1)
