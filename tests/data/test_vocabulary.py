from __future__ import annotations

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Pair
from seqwright.data.vocabulary import MarkedSources, Scalars, Vocabulary
from seqwright.tasks.paper import EIGHT

BITS = Vocabulary(("0", "1"))


def test_a_batch_shows_each_token_and_wants_the_next():
    batch = BITS.batch([Pair.of("000", "1"), Pair.of("1", "000")])
    assert batch.source is not None
    assert batch.source.ids.tolist() == [[0, 0, 0], [1, 4, 4]]
    assert batch.source.at.tolist() == [[0, 1, 2], [0, -1, -1]]
    assert batch.target.ids.tolist() == [[2, 1, 4, 4], [2, 0, 0, 0]]
    assert batch.labels.tolist() == [[1, 3, 4, 4], [0, 0, 0, 3]]


def test_a_marked_source_is_read_the_same_in_training_and_when_asked():
    pairs = [Pair.of("000", "1"), Pair.of("1", "000")]
    marked = Vocabulary(("0", "1"), marks=MarkedSources())
    batch, prompts = marked.batch(pairs), marked.prompts(pairs, 5)
    assert batch.source is not None
    assert prompts.source is not None
    assert batch.source.ids.tolist() == prompts.source.ids.tolist() == [[2, 0, 0, 0, 3], [2, 1, 3, 4, 4]]
    assert batch.source.at.tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, -1, -1]]
    bare = BITS.batch(pairs)
    assert batch.target.ids.tolist() == bare.target.ids.tolist()


def test_an_answer_is_right_only_with_its_end():
    pair = Pair.of("1", "00")
    assert BITS.is_correct(pair, torch.tensor([0, 0, 3, 3]))
    assert not BITS.is_correct(pair, torch.tensor([0, 0]))
    assert not BITS.is_correct(pair, torch.tensor([0, 0, 0, 3]))


def test_a_symbol_that_training_never_showed_is_named():
    with pytest.raises(SeqwrightError, match=r"'x' .*not a symbol of the training data"):
        BITS.prompts([Pair.of("0x", "1")], 5)


def test_padding_is_never_chosen():
    logits = torch.zeros(1, BITS.size)
    logits[0, BITS.pad] = 9
    assert BITS.choose(logits).item() != BITS.pad


def test_scalars_are_given_their_first_value_and_must_come_near_the_rest():
    pairs = [pair for pair in EIGHT.pairs if len(pair.source) == 4][:2]
    prompts = Scalars().prompts(pairs, 99)
    assert prompts.prefix.ids.tolist() == [[0.0], [1.0]]
    assert prompts.limit == 3
    assert Scalars().is_correct(pairs[1], torch.tensor([1.2, 0.8, 1.0]))
    assert not Scalars().is_correct(pairs[1], torch.tensor([1.2, 0.8, 0.75]))
