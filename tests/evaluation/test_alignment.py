from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwright.evaluation.alignment import aligned, confusions, distance

SEQUENCES = st.lists(st.sampled_from(["a", "b", "oʊ", "o", "ʊ"]), max_size=9).map(tuple)


def brute(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The definition, written out."""

    @cache
    def edits(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(edits(i - 1, j) + 1, edits(i, j - 1) + 1, edits(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return edits(len(a), len(b))


@pytest.mark.parametrize(
    ("gold", "said", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "abc", 0),
        ("ab", "ba", 2),
    ],
)
def test_known_distances(gold: str, said: str, edits: int):
    assert distance(tuple(gold), tuple(said)) == edits


def test_a_symbol_is_one_thing_however_many_characters_it_has():
    assert distance(("oʊ",), ("o", "ʊ")) == 2
    assert distance(("oʊ",), ("aʊ",)) == 1


@given(SEQUENCES, SEQUENCES)
def test_the_distance_is_the_dynamic_programmes(a: tuple[str, ...], b: tuple[str, ...]):
    assert distance(a, b) == brute(a, b)


@given(SEQUENCES, SEQUENCES)
def test_an_alignment_holds_both_sequences_and_differs_as_often_as_the_distance(
    gold: tuple[str, ...], said: tuple[str, ...]
):
    pairs = aligned(gold, said)
    assert tuple(symbol for symbol, _ in pairs if symbol) == gold
    assert tuple(symbol for _, symbol in pairs if symbol) == said
    assert confusions(gold, said) == [pair for pair in pairs if pair[0] != pair[1]]
    assert len(confusions(gold, said)) == distance(gold, said)


def test_what_is_replaced_left_out_and_put_in():
    assert confusions(tuple("abc"), tuple("axc")) == [("b", "x")]
    assert confusions(tuple("abc"), tuple("ac")) == [("b", "")]
    assert confusions(tuple("ac"), tuple("abc")) == [("", "b")]
