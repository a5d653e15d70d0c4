from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqwright.data.batch import Batch
from seqwright.data.batching import (
    Batching,
    EqualLengthBatches,
    FullBatch,
    PaddedBatches,
    PairExamples,
    Sampler,
    TokenBatches,
)
from seqwright.data.vocabulary import Vocabulary
from seqwright.tasks.paper import EIGHT

BITS = Vocabulary(("0", "1"))


def _sampler(batching: Batching, seed: int = 0) -> Sampler:
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


def test_no_row_is_dropped_and_no_batch_too_large():
    lengths = np.random.default_rng(0).integers(1, 40, (500, 2))
    lengths[7] = 400  # longer than a batch: alone in one
    plan = TokenBatches(tokens=300, window=3).plan(lengths, torch.Generator().manual_seed(0))
    assert sorted(row for batch in plan for row in batch) == list(range(500))
    for batch in plan:
        assert len(batch) == 1 or len(batch) * (lengths[batch] + 1).max(0).sum() <= 300
    padded = sum(len(batch) * (lengths[batch] + 1).max(0).sum() for batch in plan)
    assert padded < 1.35 * (lengths + 1).sum()
    assert plan != TokenBatches(tokens=300, window=3).plan(lengths, torch.Generator().manual_seed(1))


@given(at=st.integers(0, 40), batching=st.sampled_from([PaddedBatches(rows=30), TokenBatches(tokens=99), FullBatch()]))
def test_a_sampler_continues_from_its_state(at: int, batching: Batching):
    sampler = _sampler(batching)
    for _ in range(at):
        next(sampler)
    again = _sampler(batching, seed=9)
    again.restore(sampler.state())
    for _ in range(20):
        assert torch.equal(next(sampler).target.ids, next(again).target.ids)
    assert sampler.epochs == again.epochs


def test_shares_together_are_the_whole_batch():
    whole = _sampler(PaddedBatches(rows=3))
    shares = [
        Sampler(PairExamples(EIGHT.rows(), BITS), PaddedBatches(rows=3), torch.Generator().manual_seed(0), (rank, 4))
        for rank in range(4)
    ]
    for _ in range(80):  # three rows for four processes: one has none, and still takes part
        parts = [next(share) for share in shares]
        assert Counter(_rows(next(whole))) == Counter(row for part in parts for row in _rows(part))
        assert 0 in [len(part.labels) for part in parts]
