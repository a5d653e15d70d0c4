from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.data.subwords import LearnBPE, LearnUnigram, Subwords, TokeniserLearner
from seqwright.data.tokeniser import Bytes, Characters, Graphemes, Spaced, Tokeniser

TEXTS = ["the cat sat on the mat", "the hat", "a þing í húsi", "tveir  hattar", "on the mat"] * 5
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
LEARNT = [LearnBPE(size=60).learn(TEXTS), LearnUnigram(size=60).learn(TEXTS)]


@pytest.mark.parametrize("tokeniser", [Characters(), Graphemes(), Bytes(), *LEARNT], ids=lambda t: type(t).__name__)
@settings(max_examples=60)
@given(text=TEXT | st.sampled_from([*TEXTS, "▁the <unk> ☃☃ kíng▁", " e\u0301 \U0001f468\u200d\U0001f469 \r\n\u2028"]))
def test_symbols_together_are_the_text(tokeniser: Tokeniser, text: str):
    symbols = tokeniser.split(text)
    assert tokeniser.join(symbols) == text
    assert all(symbols)
    assert type(tokeniser).from_json(tokeniser.to_json()) == tokeniser


@settings(max_examples=50)
@given(text=TEXT, separator=st.text(st.characters(codec="utf-8"), min_size=1, max_size=2))
def test_spaced_symbols_are_what_stands_between_separators(text: str, separator: str):
    tokeniser = Spaced(separator=separator)
    symbols = tokeniser.split(text)
    assert all(symbols)
    assert not any(separator in symbol for symbol in symbols)
    if len(separator) == 1:
        assert tokeniser.split(tokeniser.join(symbols)) == symbols


def test_a_separator_cannot_be_nothing():
    with pytest.raises(SeqwrightError):
        Spaced(separator="").checked()


@settings(max_examples=50)
@given(symbols=st.lists(st.sampled_from(["<0x41>", "<0xC3>", "<0xA9>", "<0xFF>", "<start>", "<V>", "é"]), max_size=9))
def test_bytes_that_are_no_text_are_shown_all_the_same(symbols: list[str]):
    Bytes().join(symbols).encode()


@pytest.mark.parametrize("learner", [LearnBPE(size=45), LearnUnigram(size=45)], ids=lambda t: type(t).__name__)
class TestLearning:
    def test_the_same_texts_teach_the_same_in_any_order(self, learner: TokeniserLearner):
        assert len({learner.learn(texts) for texts in (TEXTS, TEXTS, TEXTS[::-1], sorted(TEXTS))}) == 1

    def test_frequent_pieces_are_symbols_and_there_are_no_more_than_asked_for(self, learner: TokeniserLearner):
        learnt = learner.learn(TEXTS)
        symbols = {symbol for text in TEXTS for symbol in learnt.split(text)}
        assert len(symbols) <= 45
        assert max(map(len, symbols)) > 1

    def test_what_was_never_seen_is_characters(self, learner: TokeniserLearner):
        assert learner.learn(TEXTS).split("☃☃ Ж")[:2] == ("☃", "☃")

    @pytest.mark.parametrize("texts", [[], [""], ["a"], ["\n"], ["aa"] * 3, ["한국"]])
    def test_little_text_teaches_little(self, learner: TokeniserLearner, texts: list[str]):
        learnt = learner.learn(texts)
        assert learnt.join(learnt.split("a\nb")) == "a\nb"

    def test_a_fault_in_the_texts_is_told_as_itself(self, learner: TokeniserLearner):
        def texts():
            yield "a"
            raise SeqwrightError("no tab")

        with pytest.raises(SeqwrightError, match=r"^no tab$"):
            learner.learn(texts())


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_a_damaged_tokeniser_is_refused(cut: int):
    with pytest.raises(SeqwrightError, match="not a trained tokeniser"):
        Subwords(LEARNT[0].learnt[:cut]).split("a")
