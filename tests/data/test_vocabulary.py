from __future__ import annotations

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Pair
from seqwright.data.corpus import Corpus
from seqwright.data.scalars import Scalars
from seqwright.data.vocabulary import MarkedSources, StoredVocabulary, Vocabulary
from seqwright.tasks.paper import EIGHT

BITS = Vocabulary(("0", "1"))


def test_labels_are_the_next_tokens():
    batch = BITS.batch([Pair.of("000", "1"), Pair.of("1", "000")])
    assert batch.source is not None
    assert batch.source.ids.tolist() == [[0, 0, 0], [1, 4, 4]]
    assert batch.source.at.tolist() == [[0, 1, 2], [0, -1, -1]]
    assert batch.target.ids.tolist() == [[2, 1, 4, 4], [2, 0, 0, 0]]
    assert batch.labels.tolist() == [[1, 3, 4, 4], [0, 0, 0, 3]]


def test_a_marked_source_is_the_same_in_batches_and_prompts():
    pairs = [Pair.of("000", "1"), Pair.of("1", "000")]
    marked = Vocabulary(("0", "1"), marks=MarkedSources())
    batch, prompts = marked.batch(pairs), marked.prompts(pairs, 5)
    assert batch.source is not None
    assert prompts.source is not None
    assert batch.source.ids.tolist() == prompts.source.ids.tolist() == [[2, 0, 0, 0, 3], [2, 1, 3, 4, 4]]
    assert batch.source.at.tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, -1, -1]]
    bare = BITS.batch(pairs)
    assert batch.target.ids.tolist() == bare.target.ids.tolist()


def test_an_answer_is_correct_only_with_its_end():
    pair = Pair.of("1", "00")
    assert BITS.is_correct(pair, torch.tensor([0, 0, 3, 3]))
    assert not BITS.is_correct(pair, torch.tensor([0, 0]))
    assert not BITS.is_correct(pair, torch.tensor([0, 0, 0, 3]))


def test_an_unknown_symbol_is_named():
    with pytest.raises(SeqwrightError, match=r"'x' .*not a symbol of the training data"):
        BITS.prompts([Pair.of("0x", "1")], 5)


def test_padding_is_never_chosen():
    logits = torch.zeros(1, BITS.size)
    logits[0, BITS.pad] = 9
    assert BITS.choose(logits).item() != BITS.pad


def test_scalars_are_given_their_first_value_and_must_be_near_the_rest():
    pairs = [pair for pair in EIGHT.pairs if len(pair.source) == 4][:2]
    prompts = Scalars().prompts(pairs, 99)
    assert prompts.prefix.ids.tolist() == [[0.0], [1.0]]
    assert prompts.limit == 3
    assert Scalars().is_correct(pairs[1], torch.tensor([1.2, 0.8, 1.0]))
    assert not Scalars().is_correct(pairs[1], torch.tensor([1.2, 0.8, 0.75]))


def test_each_side_has_numbers_of_its_own():
    pairs = [Pair(("中", "人"), ("ren",)), Pair(("中",), ("zhong", "ren"))]
    apart = Vocabulary.from_stored(Corpus.of(pairs).vocabulary, MarkedSources())
    assert (apart.symbols, apart.source_symbols, apart.shared) == (("ren", "zhong"), ("中", "人"), False)
    assert (apart.size, apart.outputs, apart.source_size) == (5, 4, 5)
    batch, prompts = apart.batch(pairs), apart.prompts(pairs, 5)
    assert batch.source is not None
    assert prompts.source is not None
    assert batch.source.ids.tolist() == prompts.source.ids.tolist() == [[2, 0, 1, 3], [2, 0, 3, 4]]
    assert batch.target.ids.tolist() == [[2, 0, 4], [2, 1, 0]]
    assert batch.labels.tolist() == [[0, 3, 4], [1, 0, 3]]
    assert apart.decode([0, 1]) == ("ren", "zhong")
    assert apart.decode([0, 3], "source") == ("中", "<end>")
    odd = Pair(("中", "ren"), ("中", "ren"))
    assert apart.known_pair(odd) == Pair(("中",), ("ren",))
    assert (apart.unknown(odd.source, "source"), apart.unknown(odd.target)) == (["ren"], ["中"])
    with pytest.raises(SeqwrightError, match=r"'ren' .*not a symbol"):
        apart.encode_source(("ren",))
    stored = StoredVocabulary.from_json(apart.stored().to_json())
    assert Vocabulary.from_stored(stored, MarkedSources()) == apart


def test_a_stored_vocabulary_of_an_old_run_is_shared():
    stored = StoredVocabulary.from_json('{"type": "Symbols", "symbols": ["0", "1"]}')
    assert Vocabulary.from_stored(stored) == BITS


@pytest.mark.parametrize(
    ("pairs", "shared"),
    [
        ([Pair.of("walk", "walked"), Pair.of("see", "saw")], True),
        ([Pair(("<V>", "<PST>", "<SG>", "g", "o"), ("g", "o"))], True),  # features are not counted
        ([Pair.of("abcd", "cdefg")], True),  # exactly half of the fewer
        ([Pair.of("abc", "cdefg")], False),
        ([Pair(("c", "a", "t"), ("K", "AE1", "T"))], False),
    ],
)
def test_sides_share_a_table_where_half_of_one_sides_symbols_are_on_the_other(pairs: list[Pair], shared: bool):
    vocabulary = Vocabulary.from_stored(Corpus.of(pairs).vocabulary)
    assert vocabulary.shared == shared
    assert {symbol for pair in pairs for symbol in pair.target} <= set(vocabulary.symbols)
    for pair in pairs:
        assert vocabulary.known_pair(pair) == pair


@pytest.mark.parametrize("pairs", [[Pair.of("abcd", "cdefg")], [Pair.of("abc", "xyz")], [Pair.of("ab", "ab")]])
def test_only_symbols_of_targets_and_the_end_may_be_generated(pairs: list[Pair]):
    vocabulary = Vocabulary.from_stored(Corpus.of(pairs).vocabulary)
    allowed = set(range(vocabulary.outputs)) - set(vocabulary.forbidden)
    assert set(vocabulary.decode(sorted(allowed))) == {symbol for pair in pairs for symbol in pair.target} | {"<end>"}
    assert Vocabulary.from_stored(StoredVocabulary.from_json(vocabulary.stored().to_json())) == vocabulary
