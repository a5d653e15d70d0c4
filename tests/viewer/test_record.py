"""A record keeps weights to its stated error and refuses arrays that do not match its tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from safetensors.numpy import save_file

from seqwright.core.errors import SeqwrightError
from seqwright.viewer import AttentionPage, AttentionRecord, Candidate, Pass, Projections, Step
from seqwright.viewer.limits import check_page_size
from seqwright.viewer.page import thumbnail
from seqwright.viewer.patterns import broadness, measures
from seqwright.viewer.quantise import dequantise, quantise
from seqwright.viewer.word_spans import merged, words_of

HALF = np.full((1, 2, 3, 3), 1 / 3)


def record(**given):
    return AttentionRecord(**({"tokens": ["a", "b", "c"], "kind": "encoder", "weights": HALF} | given))


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_byte_a_weight_is_off_by_the_rows_greatest_over_510_at_most(rows):
    weights = np.array(rows, dtype=np.float32)
    small = quantise(weights)
    assert small.shares.dtype == np.uint8
    error = np.abs(dequantise(small.shares, small.greatest) - weights)
    assert (error <= weights.max(-1, keepdims=True) / 510 * (1 + 1e-5) + 1e-30).all()


def test_a_record_is_read_back_as_it_was_saved(tmp_path: Path):
    random = np.random.default_rng(0)
    weights = random.dirichlet([0.3] * 3, size=(2, 2, 4)).astype(np.float32)
    q, kv, scores = random.normal(size=(2, 2, 4, 5)), random.normal(size=(2, 2, 3, 5)), random.normal(size=(2, 2, 4, 3))
    before = AttentionRecord(
        tokens=["⟨start⟩", "</script>", "\u202ex", "\0"], kind="cross", source_tokens=["q", "r", "s"], weights=torch.tensor(weights),
        layers=[1, 3], heads=(0, 7), words=[(0, 1), (1, 4)], source_words=[(0, 3)], special={0}, source_special=[2],
        steps=[Step(0, "x", 0.5, (Candidate("x", 0.5),))], projections=Projections(q, kv, kv, scores, (0.5, 0.25)),
    )  # fmt: skip
    exact = AttentionRecord.load(before.save(tmp_path / "exact", exact=True))
    assert np.array_equal(exact.weights, weights)
    small = AttentionRecord.load(before.save(tmp_path / "small"))
    assert (np.abs(small.weights - weights) <= weights.max(-1, keepdims=True) / 510 * 1.0001).all()
    for name in (
        "tokens",
        "kind",
        "source_tokens",
        "layers",
        "heads",
        "words",
        "source_words",
        "special",
        "source_special",
        "steps",
    ):
        assert getattr(exact, name) == getattr(small, name) == getattr(before, name), name
    assert exact.projections is not None
    assert np.array_equal(exact.projections.scores, scores)
    assert exact.projections.scale == (0.5, 0.25)
    assert (tmp_path / "small").stat().st_size < (tmp_path / "exact").stat().st_size


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": np.zeros((0, 2, 3, 3))}, "there is no attention in it"),
        ({"weights": np.zeros((2, 3, 3))}, "the shape"),
        ({"weights": np.full((1, 2, 3, 3), np.nan)}, "not a number"),
        ({"weights": -HALF}, "below 0"),
        ({"tokens": ["a"]}, "query tokens"),
        ({"kind": "cross"}, "source_tokens"),
        ({"source_tokens": ["a", "b", "c"]}, "source_tokens"),
        ({"layers": [1, 2]}, "layers"),
        ({"words": [(0, 2)]}, "cover the tokens"),
        ({"special": [3]}, "outside the tokens"),
        ({"steps": [Step(5, "x", 1.0)]}, "query"),
    ],
)
def test_arrays_that_do_not_match_are_refused(wrong, message):
    with pytest.raises(SeqwrightError, match=message):
        record(**wrong)


def test_a_record_copies_its_weights_and_its_tokens_are_texts():
    weights = HALF.astype(np.float32)
    kept = record(weights=weights)
    weights[:] = 0
    assert kept.weights.max() > 0
    ragged = [[[[0.5, 0.5], [1.0]]]]
    mixed = tuple(torch.full((2, 3, 3), 1 / 3, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    assert record(weights=mixed).weights.shape == (2, 2, 3, 3)
    for wrong in ({"weights": ragged}, {"tokens": [1, 2, 3]}, {"tokens": [b"a", b"b", b"c"]}):
        with pytest.raises((SeqwrightError, TypeCheckError)):
            record(**wrong)
    q, k = np.ones((1, 2, 3, 4)), np.ones((1, 2, 3, 5))
    with pytest.raises((SeqwrightError, TypeCheckError)):
        record(projections=Projections(q, k, k, np.ones((1, 2, 3, 3)), (1.0,)))


def test_a_page_holds_one_record_of_a_kind_and_odd_names():
    with pytest.raises(SeqwrightError, match="one record of each kind"):
        Pass("", (record(), record()))
    steps = [Step(0, "\ud800", None, (Candidate("\udc00", 0.5),))]
    page = AttentionPage((Pass("\ud800", (record(kind="decoder", steps=steps),)),), "\udfff").html()
    assert page.encode()


def test_other_files_are_refused(tmp_path: Path):
    (tmp_path / "garbage").write_bytes(b"\x10\0\0\0\0\0\0\0not json at all!")
    save_file({"weights": HALF}, tmp_path / "other")
    for name in ("garbage", "other", "absent"):
        with pytest.raises(SeqwrightError):
            AttentionRecord.load(tmp_path / name)


def test_too_many_weights_are_refused_with_the_number_of_heads_that_fit():
    check_page_size((12, 12, 1024, 1024))
    with pytest.raises(SeqwrightError, match="choose up to 40 heads"):
        check_page_size((12, 12, 2048, 2048))
    with pytest.raises(SeqwrightError, match="make no page"):
        AttentionPage(())
    with pytest.raises(SeqwrightError, match="decoder"):
        Pass("", (record(kind="decoder"),)).of("cross")


def test_a_notebook_gets_a_frame_and_no_foreign_script():
    shown = Pass("", (record(),))._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "require" not in shown[:2000]
    assert "http" not in shown.split("&lt;script")[0].replace("http-equiv", "")


def test_a_thumbnail_keeps_the_greatest_of_each_area():
    weights = np.zeros((100, 100), dtype=np.float32)
    weights[57, 3], weights[2, 99] = 1.0, 0.5
    small = thumbnail(weights)
    assert small.shape == (24, 24)
    assert sorted(small[small > 0].tolist()) == [128, 255]


def test_patterns_find_heads_that_follow_them():
    tokens = ["[CLS]", "x", "y", "x", "y"]
    to = {"previous": np.eye(5, k=-1), "next": np.eye(5, k=1), "first": np.eye(5)[np.zeros(5, int)], "same": np.eye(5)}
    to["duplicate"] = np.array([[0] * 5, [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]])
    to["induction"] = np.array([[0] * 5, [0] * 5, [0] * 5, [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
    weights = np.stack(list(to.values()))[None].astype(np.float32)
    scores = measures(AttentionRecord(tokens=tokens, kind="encoder", weights=weights, special=[0]))
    for head, name in enumerate(to):
        assert scores[name][0, head] == pytest.approx(1.0), name
    assert scores["delimiter"][0, 2] == pytest.approx(1.0)
    assert broadness(np.eye(4)[None, None], np.full(4, 4))[0, 0] == 0
    half = np.array([[[[0.5, 0.5, 0.0, 0.0]] * 4]])
    assert broadness(half, np.full(4, 4))[0, 0] == pytest.approx(0.5)


def test_an_empty_pattern_has_no_score_and_an_inapplicable_one_is_missing():
    scores = measures(AttentionRecord(tokens=["a", "b"], kind="decoder", weights=np.eye(2)[None, None]))
    assert np.isnan(scores["duplicate"]).all()
    assert "next" not in scores
    assert scores["broad"][0, 0] == 0


def test_pieces_are_merged_into_words():
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.0, 0.0, 1.0]])
    assert merged(weights, [(0, 1), (1, 3)], [(0, 1), (1, 3)]).tolist() == [[0.2, 0.8], [0.3, pytest.approx(0.7)]]
    assert words_of(["[CLS]", "sc", "##ared", "[SEP]"], [0, 3]) == ((0, 1), (1, 3), (3, 4))
    assert words_of(["<s>", "Ġa", "b", "</s>"], [0, 3]) == ((0, 1), (1, 3), (3, 4))
