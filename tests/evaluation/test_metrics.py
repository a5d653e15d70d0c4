from __future__ import annotations

import pytest
import sacrebleu

from seqwright.evaluation.metrics import TextMetric, text_score

SAID = ["the cat sat on the mat .", "a dog barked at me", "", "it rains, it pours today", "no"]
WANTED = ["the cat sat on a mat .", "the dog barked at me", "nothing", "it rains and it pours today", "no"]


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_score_is_sacrebleus(metric: TextMetric):
    asked = {"bleu": sacrebleu.corpus_bleu, "chrf": sacrebleu.corpus_chrf}[metric]
    found = text_score(metric, SAID, [[text] for text in WANTED])
    assert found.score == asked(SAID, [WANTED]).score > 0
    assert found.interval is not None
    assert found.interval[0] < found.score < found.interval[1]
    assert "version:" in found.signature


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_some_texts_have_several_right_answers(metric: TextMetric):
    asked = {"bleu": sacrebleu.corpus_bleu, "chrf": sacrebleu.corpus_chrf}[metric]
    second = ["the cat sat on the mat .", None, None, None, None]
    wanted = [[first] if other is None else [first, other] for first, other in zip(WANTED, second, strict=True)]
    found = text_score(metric, SAID, wanted)
    assert found.score == asked(SAID, [WANTED, second]).score > asked(SAID, [WANTED]).score


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_interval_is_like_sacrebleus_own(metric: TextMetric, monkeypatch: pytest.MonkeyPatch):
    """Theirs is half a width around a mean of their draws: ours must agree with it as far as draws do."""
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    scorer = {"bleu": sacrebleu.BLEU(), "chrf": sacrebleu.CHRF()}[metric]
    said, wanted = SAID * 12, [text.replace("e", "a") if n % 3 else text for n, text in enumerate(WANTED * 12)]
    theirs = scorer.corpus_score(said, [wanted], n_bootstrap=1000)
    low, high = text_score(metric, said, [[text] for text in wanted]).interval or (0, 0)
    assert (high - low) / 2 == pytest.approx(float(theirs._ci), rel=0.15)
    assert (high + low) / 2 == pytest.approx(float(theirs._mean), abs=0.3 * float(theirs._ci))


def test_one_text_has_no_interval():
    assert text_score("chrf", ["a"], [["a"]]).interval is None


def test_empty_answers():
    assert text_score("bleu", ["", ""], [["a"], ["b"]]).score == 0
    assert text_score("chrf", ["", ""], [["a"], [""]]).score == 0


def test_bleu_of_answers_without_four_words_is_nothing():
    """What the docstring warns of."""
    assert text_score("bleu", ["kæt", "dɔg"], [["kæt"], ["dɔg"]]).score == 0
    assert text_score("bleu", ["k æ t s", "d ɔ g z"], [["k æ t s"], ["d ɔ g z"]]).score == pytest.approx(100)
