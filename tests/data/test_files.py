from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.data.batch import Pair
from seqwright.data.files import read_pairs


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "pairs.tsv"
    path.write_bytes(content)
    return path


def test_characters_and_spaced_symbols(tmp_path: Path):
    path = _write(tmp_path, "cat\tk æ t\n".encode())
    assert list(read_pairs(path)) == [Pair(("c", "a", "t"), ("k", " ", "æ", " ", "t"))]
    assert list(read_pairs(path, split_target_on=" ")) == [Pair(("c", "a", "t"), ("k", "æ", "t"))]


def test_windows_lines_and_a_byte_order_mark_are_no_symbols(tmp_path: Path):
    path = _write(tmp_path, b"\xef\xbb\xbfab\tc\r\nd\te\r\n")
    assert list(read_pairs(path)) == [Pair.of("ab", "c"), Pair.of("d", "e")]


def test_what_was_read_is_told(tmp_path: Path):
    told = read_pairs(_write(tmp_path, b"ab\tc\nab\tc\nb\tcc\n")).statistics().summary()
    assert "3 pairs (1 of them repeats, 2 different sources)" in told
    assert "sources of 1–2 (median 2) symbols, 2 different" in told


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"", "", "the file is empty"),
        (b"a\tb\nab\n", ":2", "no tab on this line"),
        (b"a\tb\na\tb\tc\n", ":2", "2 tabs on this line"),
        (b"a\tb\tV\na\tb\n", ":2", "1 tab on this line"),
        (b"a\tb\tc\td\n", ":1", "3 tabs on this line"),
        (b"a\tb\n\tb\n", ":2", "the source is empty"),
        (b"a\t\na\tb\n", ":1", "the target is empty"),
        (b"a\t\n", ":1", "the target is empty"),
        (b"a\t\nb\t\nc\t\n", ":1", "the target is empty here and on the 2 rows after it"),
        (b"a\tb\n\na\tb\n", ":2", "this line is blank"),
        (b"a\tb\0\n", ":1", "a NUL byte"),
        (b"a\tb\na\t\xff\n", ":2", "byte 3 of this line is not UTF-8"),
        (b"\xef\xbb\xbf\xff\n", ":1", "byte 1 of this line is not UTF-8"),
        ("a\tb\n".encode("utf-16"), ":1", "seems to be UTF-16"),
    ],
    ids=range(14),
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, line: str, told: str):
    path = _write(tmp_path, content)
    with pytest.raises(SeqwrightError, match=told) as caught:
        read_pairs(path)
    assert caught.value.where == f"{path}{line}"
    assert caught.value.fix


def test_a_side_of_nothing_but_separators_is_empty(tmp_path: Path):
    with pytest.raises(SeqwrightError, match="the target is empty"):
        read_pairs(_write(tmp_path, b"a\t  \n"), split_target_on=" ")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(SeqwrightError, match="cannot be read"):
            read_pairs(path)


@settings(max_examples=100)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = _write(tmp_path_factory.mktemp("any"), content)
    try:
        pairs = list(read_pairs(path))
    except SeqwrightError:
        return
    assert pairs
    assert all(pair.source and pair.target for pair in pairs)
    assert not any("\t" in symbol or "\0" in symbol for pair in pairs for side in pair for symbol in side)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\0\ufeff"), min_size=1)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]):
    """Also where a side has U+2028, a form feed, or another character that splits lines elsewhere."""
    path = _write(tmp_path_factory.mktemp("rows"), "".join(f"{s}\t{t}\n" for s, t in rows).encode())
    assert list(read_pairs(path)) == [Pair.of(s, t) for s, t in rows]
