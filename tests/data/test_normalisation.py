from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.data.normalisation import NFC, NFD, AsIs, Jamo, Normalisation, hint

SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3) | st.sampled_from("ab é-"), max_size=12)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | SYLLABLES


@pytest.mark.parametrize("normalisation", [AsIs(), NFC(), NFD(), Jamo()], ids=lambda n: type(n).__name__)
@settings(max_examples=80)
@given(text=TEXT)
def test_people_are_shown_the_same_text(normalisation: Normalisation, text: str):
    read = normalisation.apply(text)
    assert normalisation.apply(read) == read
    shown = normalisation.restore(read)
    assert unicodedata.normalize("NFC", shown) == unicodedata.normalize("NFC", text)
    assert normalisation.apply(shown) == read


@settings(max_examples=50)
@given(text=SYLLABLES)
def test_syllables_come_back(text: str):
    read = Jamo().apply(text)
    assert not any("\uac00" <= character <= "\ud7a3" for character in read)
    assert Jamo().restore(read) == text


def test_jamo_leaves_other_letters_alone():
    assert Jamo().apply("é e\u0301 ㅏ") == "é e\u0301 ㅏ"


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["plain", "é"], None),
        ([], None),
        (["한국"], "--normalise jamo"),
        (["é", "e\u0301"], "NFC and NFD"),
        (["e\u0301", "a\u0308"], "accents are separate"),
        (["a\u0331\u0325"], None),  # nothing to compose: NFC has no shorter form
        (["a\ufeffb"], "byte order marks"),
        (["a\u200b", "\u2060"], "zero-width spaces and word joiners"),
        (["می\u200cخواهم"], None),  # a zero-width non-joiner is spelling
    ],
)
def test_a_hint_where_the_data_would_profit(texts: list[str], told: str | None):
    found = hint(texts)
    assert found is None if told is None else told in (found or "")
