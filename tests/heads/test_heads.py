"""Heads made to follow grammar or coreference are found, and heads made at random are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.heads import coreference, relations, roles
from seqwright.heads.coreference import pronoun_cases
from seqwright.heads.cross_validation import held_out
from seqwright.heads.page import Heads
from seqwright.heads.relations import OFFSETS
from seqwright.heads.treebank import Sentence, sentences
from seqwright.heads.word_attention import between_words
from seqwright.viewer.record import AttentionRecord
from tests.report.test_page import check_offline

CONLLU = """# text = The cat don't sleep
1\tThe\tthe\tDET\t_\t_\t2\tdet\t_\t_
2\tcat\tcat\tNOUN\t_\t_\t5\tnsubj\t_\t_
3-4\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
3\tdo\tdo\tAUX\t_\t_\t5\taux\t_\t_
4\tn't\tnot\tPART\t_\t_\t5\tadvmod\t_\t_
5\tsleep\tsleep\tVERB\t_\t_\t0\troot\t_\t_
5.1\tsleep\tsleep\tVERB\t_\t_\t_\t_\t_\t_

"""


def grammar(sentence: Sentence) -> np.ndarray:
    """Return the weights of two heads: a random one, and one from each word to its governor."""
    size = len(sentence.words)
    governed = np.full((size, size), 0.01)
    for index, head in enumerate(sentence.heads):
        governed[index, head if head >= 0 else index] = 1
    random = np.random.default_rng(size).random((size, size))
    both = np.stack([random, governed])[None]
    return both / both.sum(-1, keepdims=True)


def trees(count: int) -> list[Sentence]:
    random = np.random.default_rng(0)
    made = []
    for _ in range(count):
        size = int(random.integers(4, 9))
        root = int(random.integers(size))
        heads = [root if index != root else -1 for index in range(size)]
        made.append(
            Sentence(tuple(map(str, range(size))), tuple(heads), tuple("root" if head < 0 else "obj" for head in heads))
        )
    return made


def test_a_head_that_follows_grammar_is_found_beside_the_best_offset():
    bank = trees(60)
    by_words = {sentence.words + sentence.heads: sentence for sentence in bank}
    remaining = iter(bank)
    found = relations(lambda words: AttentionRecord(tokens=words, kind="encoder", weights=grammar(next(remaining)), layers=(7,), heads=(2, 9)), bank)  # fmt: skip
    assert len(by_words) > 1
    assert found.sentences == 60
    for each in found.relations:
        assert (each.layer, each.head, each.direction, each.accuracy, each.held_out) == (
            7,
            9,
            "dependent → head",
            1.0,
            1.0,
        )
        assert each.baseline < 0.5
        assert each.offset in OFFSETS
        assert each.gain is not None
        assert each.gain[0] > 0.4
    assert {each.name for each in found.relations} == {"all", "obj"}


def test_the_other_direction_counts_too():
    def backwards(words):
        weights = np.full((3, 3), 0.1)
        weights[2, 0] = weights[2, 1] = 1.0  # the governor attends to its dependents
        return AttentionRecord(tokens=words, kind="encoder", weights=weights[None, None])

    bank = [Sentence(("a", "b", "c"), (2, 2, -1), ("det", "obj", "root"))] * 40
    found = {each.name: each for each in relations(backwards, bank).relations}
    assert found["obj"].direction == "head ← dependent"
    assert found["all"].accuracy == 1.0


def test_held_out_accuracy_of_the_best_of_many_random_heads_is_near_chance():
    hits = (np.random.default_rng(0).random((40, 400)) < 0.5).astype(float)
    assert hits.mean(0).max() > 0.65
    assert held_out(hits, np.ones(40)) < 0.62


def test_a_treebank_is_read_word_by_word(tmp_path: Path):
    path = tmp_path / "tree.conllu"
    path.write_text(CONLLU * 2)
    first, second = sentences(path)
    assert (
        first
        == second
        == Sentence(("The", "cat", "do", "n't", "sleep"), (1, 4, 4, 4, -1), ("det", "nsubj", "aux", "advmod", "root"))
    )
    path.write_text(CONLLU.replace("\t5\tnsubj", "\t9\tnsubj"))
    with pytest.raises(SeqwrightError, match="outside its words"):
        list(sentences(str(path)))
    path.write_text("no treebank\n")
    for wrong in (path, tmp_path / "absent"):
        with pytest.raises(SeqwrightError):
            list(sentences(wrong))


def test_sentences_with_other_words_are_counted_and_left_out():
    record = AttentionRecord(tokens=["a", "b"], kind="encoder", weights=np.eye(2)[None, None])
    assert between_words(record, 3) is None
    assert between_words(None, 3) is None
    found = relations(lambda words: record, [Sentence(("a", "b", "c"), (1, -1, 1), ("det", "root", "obj"))] * 3)
    assert (found.sentences, found.skipped, found.relations) == (0, 3, ())


LINES = """1 [The developer] argued with the designer because [she] did not like the design.
2 The developer argued with [the designer] because [his] idea cannot be implemented.
3 No bracket here.
"""


def test_a_head_that_resolves_pronouns_is_found(tmp_path: Path):
    path = tmp_path / "pairs.txt"
    path.write_text(LINES)
    cases, skipped = pronoun_cases(path)
    assert skipped == 1
    assert [(each.words[each.pronoun], each.words[each.antecedent], each.words[each.other]) for each in cases] == [
        ("she", "developer", "designer"), ("his", "designer", "developer"),
    ]  # fmt: skip

    def attends(words):
        (case,) = [each for each in cases if each.words == tuple(words)]
        weights = np.full((2, len(words), len(words)), 0.1)
        weights[1, case.pronoun, case.antecedent] = 0.5
        weights[0, case.pronoun, 1] = 0.5  # always the first
        return AttentionRecord(tokens=words, kind="encoder", weights=weights[None])

    found = coreference(attends, cases, skipped=skipped)
    assert (found.heads[0].head, found.heads[0].accuracy) == (1, 1.0)
    assert (found.heads[1].head, found.heads[1].accuracy) == (0, 0.5)
    assert (found.first, found.nearer) == (0.5, 0.5)
    assert [each.far_accuracy for each in found.heads] == [
        1.0,
        1.0,
    ]  # with a farther antecedent the first candidate is right, too
    path.write_text("nothing marked\n")
    for wrong in (path, tmp_path / "absent"):
        with pytest.raises(SeqwrightError):
            pronoun_cases(wrong)


def test_all_results_are_a_page_that_needs_no_network():
    records = [AttentionRecord(tokens=["a", "b", "a"], kind="decoder", weights=np.eye(3)[None, None])] * 3
    bank = [Sentence(("a", "b", "c"), (1, -1, 1), ("det", "root", "obj"))] * 40
    even = lambda words: AttentionRecord(tokens=words, kind="encoder", weights=np.full((1, 1, 3, 3), 1 / 3))  # noqa: E731
    found = Heads("tiny", roles(records), relations(even, bank))
    assert found.roles[0].best["same"][0].score == 1.0
    page = found.page().html()
    check_offline(page)
    assert "same: 0-0 (1.00)" in page
