from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from seqwright.decoding.beam import Beam
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.sampling import Sampling
from seqwright.decoding.stream import answer_stream
from tests.decoding.small import ABC, many_words, small_model

DECODERS = [Greedy(), Sampling(), Beam(width=3, answers=2)]
every_decoder = pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: type(decoder).__name__)


def _stream(decoder: Decoding, words, tokens: int, window: int, limit=lambda length: min(length, 4) + 1):
    return answer_stream(
        small_model(4), ABC, words, decoder,
        limit=limit, tokens_per_batch=tokens, window=window, forbidden=[ABC.start],
        generator=torch.Generator().manual_seed(7),
    )  # fmt: skip


@every_decoder
def test_answers_depend_neither_on_batches_nor_on_windows(decoder: Decoding):
    words = [tuple(word) for word in many_words(14)]
    alone = list(_stream(decoder, words, tokens=1, window=14))
    assert len({row[0].ids for row in alone}) > 2
    for tokens, window in ((1000, 14), (25, 8)):
        together = list(_stream(decoder, words, tokens, window))
        for one, two in zip(alone, together, strict=True):
            assert [(a.ids, a.stopped) for a in one] == [(a.ids, a.stopped) for a in two]
            assert [a.score for a in one] == pytest.approx([a.score for a in two], abs=1e-10)


def test_sources_are_read_a_window_at_a_time():
    read = 0

    def endless() -> Iterator[tuple[str, ...]]:
        nonlocal read
        while True:
            read += 1
            yield ("a", "b")

    stream = _stream(Greedy(), endless(), tokens=100, window=8, limit=3)
    assert read == 0
    for count in range(1, 20):
        next(stream)
        assert read == -(-count // 8) * 8


def test_available_sources_are_answered_before_the_next_one_is_waited_for():
    words, read = [tuple(word) for word in many_words(5)], []

    def coming() -> Iterator[tuple[str, ...] | None]:
        for word in words:
            read.append(word)
            yield word
            yield None
            yield None  # repeated waiting changes nothing

    found = []
    for number, answers in enumerate(_stream(Greedy(), coming(), tokens=100, window=8), 1):
        assert len(read) == number
        found.append(answers[0].ids)
    assert found == [answers[0].ids for answers in _stream(Greedy(), words, tokens=100, window=8)]


def test_batches_keep_to_their_budget():
    class Noting:
        def __init__(self):
            self.model, self.sizes, self.incremental = small_model(1), [], True

        def probe_names(self):
            return ()

        def start(self, source, probe=None):
            self.sizes.append(tuple(source.ids.shape))
            return self.model.start(source)

        def advance(self, tokens, state, probe=None):
            return self.model.advance(tokens, state)

    model, words = Noting(), [tuple(word) for word in many_words(60)]
    list(answer_stream(model, ABC, words, Greedy(), limit=2, tokens_per_batch=30, window=64))
    assert sum(rows for rows, _ in model.sizes) == 60
    assert all(rows * (length + 1) <= 30 for rows, length in model.sizes)
    wide = [length for _, length in model.sizes]
    assert all(wide[i] >= wide[i + 1] for i in range(5))  # a window is sorted by length


def test_no_sources_no_answers():
    assert list(_stream(Greedy(), [], 10, 10)) == []
