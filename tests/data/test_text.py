from __future__ import annotations

import numpy as np

from seqwright.data.batch import Pair
from seqwright.data.text import ConsecutiveChunks, RandomChunks, TextVocabulary

TEXT = np.arange(11, dtype=np.int32)


def test_a_label_is_the_token_after():
    batch = RandomChunks(TEXT, 4).batch([0, 6])
    assert batch.source is None
    assert batch.target.ids.tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert batch.labels.tolist() == [[1, 2, 3, 4], [7, 8, 9, 10]]
    assert len(RandomChunks(TEXT, 4).lengths()) == 7  # the last starts at 6


def test_consecutive_stretches_label_every_token_but_the_first_once():
    for length in (1, 3, 4, 5, 10, 50):
        examples = ConsecutiveChunks(TEXT, length, pad=99)
        rows = range(len(examples.lengths()))
        batch = examples.batch(rows)
        assert [label for label in batch.labels.flatten().tolist() if label != 99] == list(range(1, 11))
        assert batch.target.lengths.tolist() == examples.lengths()[:, 1].tolist()


def test_a_prompt_is_padded_on_the_left_and_goes_on_to_its_limit():
    prompts = TextVocabulary(("a", "b")).prompts([Pair(("a", "b"), ()), Pair(("b",), ())], 7)
    assert prompts.source is None
    assert prompts.end is None
    assert prompts.prefix.at.tolist() == [[0, 1], [-1, 0]]
