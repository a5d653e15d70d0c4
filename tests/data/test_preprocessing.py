from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.data import lines as lines_module
from seqwright.data.batch import Pair
from seqwright.data.formats import Format
from seqwright.data.line_formats import CommaSeparated, FirstLineDecides, JSONLines, RunningText, TabSeparated
from seqwright.data.lines import Input, as_file
from seqwright.data.normalisation import NFD, Jamo
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.subwords import LearnBPE, LearnUnigram, Subwords
from seqwright.data.tokeniser import Bytes, Spaced

FORMATS = [
    FirstLineDecides(), TabSeparated(), CommaSeparated(source="a", target="b"), JSONLines(source="a", target="b"),
    RunningText(),
]  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "data"
        path.write_bytes(content)
        return path

    return write


def _pairs(path: Path | str, preprocessing: Preprocessing | None = None) -> list[Pair]:
    with (preprocessing or Preprocessing()).rows(path) as rows:
        return [row.pair for row in rows]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85"])
def test_only_a_line_feed_ends_a_line(written: Callable[[bytes], Path], separator: str):
    assert _pairs(written(f"a{separator}b\tc\r\nd\te{separator}\n".encode())) == [
        Pair(("a", separator, "b"), ("c",)), Pair(("d",), ("e", separator)),
    ]  # fmt: skip


def test_a_carriage_return_inside_a_line_is_a_symbol(written: Callable[[bytes], Path]):
    assert _pairs(written(b"a\rb\tc\r")) == [Pair(("a", "\r", "b"), ("c", "\r"))]


def test_gzip_is_known_by_its_bytes(written: Callable[[bytes], Path]):
    content = b"\xef\xbb\xbfab\tc\r\nd\te"
    assert (
        _pairs(written(gzip.compress(content))) == _pairs(written(content)) == [Pair.of("ab", "c"), Pair.of("d", "e")]
    )


def test_gzip_in_two_parts_is_one_file(written: Callable[[bytes], Path]):
    assert len(_pairs(written(gzip.compress(b"a\tb\n") + gzip.compress(b"c\td\n")))) == 2


@settings(max_examples=60)
@given(cut=st.integers(2, 10_000), flip=st.none() | st.integers(2, 10_000))
def test_broken_gzip_is_refused_with_its_place(tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int | None):
    packed = bytearray(gzip.compress(b"".join(b"%d\t%d\n" % (n * 7919 % 1000, n) for n in range(500))))
    if flip is not None:
        packed[2 + flip % (len(packed) - 2)] ^= 0x55
    path = tmp_path_factory.mktemp("gz") / "data.gz"
    path.write_bytes(bytes(packed[: 2 + cut % (len(packed) - 2)]))
    with pytest.raises(SeqwrightError) as caught:
        _pairs(path)
    assert caught.value.where.startswith(f"{path}:")


def _standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]):
    _standard_input(monkeypatch, pack(b"ab\tc\nd\n"))
    with Preprocessing().rows("-") as rows, pytest.raises(SeqwrightError, match="no tab") as caught:
        list(rows)
    assert caught.value.where == "standard input:2"
    assert rows.fraction() is None


def test_standard_input_can_be_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    _standard_input(monkeypatch, b"ab\tc\n")
    kept = as_file("-", tmp_path / "kept")
    assert _pairs(kept) == _pairs(as_file(kept, tmp_path / "again")) == [Pair.of("ab", "c")]
    assert not (tmp_path / "again").exists()


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SeqwrightError, match="there is no standard input"):
        Preprocessing().rows("-")


def test_prompts_are_read_as_they_are_written(monkeypatch: pytest.MonkeyPatch):
    """The second line of a pipe is not waited for before the first is yielded."""
    receiving, sending = os.pipe()
    with open(receiving, encoding="utf-8") as standard_input, open(sending, "wb", buffering=0) as pipe:
        monkeypatch.setattr(sys, "stdin", standard_input)
        prompts = Preprocessing().prompts("-")
        pipe.write(b"ab\nb\n")
        found = [next(prompts), next(prompts)]  # the second is in a buffer, which a poll does not see
        assert [prompt and prompt.symbols for prompt in found] == [("a", "b"), ("b",)]
        assert next(prompts) is None
        pipe.write(b"c\nd")
        assert next(prompts) == ("c", ("c",), "standard input:3")
        assert next(prompts) is None  # the line is incomplete
        pipe.write(b"e\n")
        assert next(prompts) == ("de", ("d", "e"), "standard input:4")
        pipe.close()
        assert list(prompts) == []


def test_a_file_is_never_waited_for(written: Callable[[bytes], Path]):
    assert [prompt and prompt.text for prompt in Preprocessing().prompts(written(b"ab\nc\n"))] == ["ab", "c"]


def test_an_over_long_line_is_refused(written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 20)
    path = written(b"a\tb\n" + b"x" * 30)
    with pytest.raises(SeqwrightError, match="longer than 20 bytes") as caught:
        _pairs(path)
    assert caught.value.where == f"{path}:2"


@settings(max_examples=80)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(lambda t: t[0] != "\ufeff"),
    piece=st.integers(1, 9), mark=st.booleans(),
)  # fmt: skip
def test_running_text_comes_back_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, piece: int, mark: bool
):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "PIECE", piece)
        with Preprocessing(format=RunningText()).rows(path) as rows:
            assert (
                "".join(symbol for row in rows.rows for symbol in rows.preprocessing.target_symbols(row.target)) == text
            )


def test_text_that_is_no_utf8_is_refused_with_its_place(written: Callable[[bytes], Path]):
    for content, told in (
        (b"ab\n\xc3\xa9\xff\n", "byte 3 of this line"),
        (b"ab\n\xc3", "not UTF-8"),
        (b"ab\n\0", "NUL"),
    ):
        path = written(content)
        with Input(path) as file, pytest.raises(SeqwrightError, match=told) as caught:
            list(file.pieces())
        assert caught.value.where == f"{path}:2"


def test_a_word_of_running_text_does_not_reach_over_a_line_end(written: Callable[[bytes], Path]):
    with Preprocessing(format=RunningText(), target=Spaced()).rows(written(b"to be\nor not\n")) as rows:
        found = [rows.preprocessing.target_symbols(row.target) for row in rows.rows]
    assert found == [("to", "be"), ("\n",), ("or", "not"), ("\n",)]


def test_a_prompt_is_split_as_the_text_was():
    preprocessing = Preprocessing(format=RunningText(), target=Spaced())
    assert preprocessing.prompt("to be\n\nor") == ("to", "be", "\n", "\n", "or")
    assert preprocessing.prompt("\nor\n") == ("\n", "or", "\n")
    assert preprocessing.prompt("") == ()


def test_nothing_to_learn_from_is_a_mistake_and_nothing_to_answer_is_none(written: Callable[[bytes], Path]):
    for path in (written(b""), written(gzip.compress(b""))):
        for form in FORMATS:
            assert list(Preprocessing(format=form).prompts(path)) == []
            with pytest.raises(SeqwrightError, match="the file is empty"):
                Preprocessing(format=form).rows(path)


def test_the_fraction_read_grows_to_one(written: Callable[[bytes], Path]):
    for content in (b"a\tb\n" * 4_000, gzip.compress(b"a\tb\n" * 4_000)):
        with Preprocessing().rows(written(content)) as rows:
            fractions = [rows.fraction() or 0 for _ in rows]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1


def test_answers_are_shown_in_the_usual_form():
    assert Preprocessing(normalisation=Jamo()).target_text(tuple(Jamo().apply("한국"))) == "한국"
    assert Preprocessing(normalisation=NFD()).target_text(("e", "\u0301")) == "é"
    assert Preprocessing(target=Spaced(separator="|")).target_text(("k", "æ")) == "k|æ"
    assert Preprocessing(target=Bytes()).target_text(("<0xC3>",)) == "\ufffd"


def test_subwords_are_learnt_from_a_files_sides_and_kept(
    written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
):
    path = written("한국의 집\tthe house\n한국의 말\tthe horse\n".encode() * 9)
    learners = {"source": LearnUnigram(size=20), "target": LearnBPE(size=14)}
    learnt = Preprocessing(normalisation=Jamo()).with_subwords(path, **learners)
    assert isinstance(learnt.source, Subwords)
    assert isinstance(learnt.format, FirstLineDecides)
    again = Preprocessing.from_json(learnt.to_json())
    assert _pairs(path, again) == _pairs(path, learnt)
    pair = _pairs(path, learnt)[0]
    assert pair.target[0] == "the"
    assert learnt.target_text(pair.target) == "the house"
    assert Jamo().restore("".join(pair.source)) == "한국의 집"
    with pytest.raises(SeqwrightError, match="only once"):
        learnt.with_subwords("-", source=LearnBPE(size=9))
    with pytest.raises(SeqwrightError, match="no tab"):
        learnt.with_subwords(written(b"a\tb\na\n"), source=LearnBPE(size=9))


def test_an_odd_name_is_refused():
    with pytest.raises(SeqwrightError, match="cannot be read"):
        Preprocessing().rows("a\0b")


def test_blank_lines_are_skipped_at_the_end_and_refused_elsewhere(written: Callable[[bytes], Path]):
    assert _pairs(written(b"a\tb\n\n\r\n")) == [Pair.of("a", "b")]
    with pytest.raises(SeqwrightError, match="this line is blank") as caught:
        _pairs(written(b"a\tb\n\nc\td\n"))
    assert caught.value.where.endswith(":2")


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"a\tb\nbad\t\na\tb\nbad\na\tb\n\ta\n", TabSeparated()),
        (b'{"a": "a", "b": "b"}\n{"a": "a", "b": ""}\n{"a": "a", "b": "b"}\n{}\nbad\n', JSONLines(source="a", target="b")),
        (b"a,b\na,b\na,\na,b\nc\n,b\n", CommaSeparated(source="a", target="b")),
    ],
)  # fmt: skip
def test_the_first_unusable_row_is_named_and_all_are_counted(
    written: Callable[[bytes], Path], content: bytes, form: Format
):
    with pytest.raises(SeqwrightError, match=r"the target is empty \(the first of 3 unusable rows\)") as caught:
        _pairs(written(content), Preprocessing(format=form))
    assert caught.value.where.endswith(":2" if not isinstance(form, CommaSeparated) else ":3")


def test_a_side_that_is_empty_everywhere_is_a_wrong_column(written: Callable[[bytes], Path]):
    with pytest.raises(SeqwrightError, match="the target is empty here and on the 2 rows after it; name the column"):
        _pairs(written(b"a\t\nb\t\nc\t\n"))
