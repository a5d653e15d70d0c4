from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from examples.extend.parquet import Parquet
from seqwright.core.errors import SeqwrightError
from seqwright.data.corpus import Corpus
from seqwright.data.formats import Format, format_of
from seqwright.data.line_formats import CommaSeparated, FirstLineDecides, JSONLines, RunningText, TabSeparated
from seqwright.data.options import PreprocessingOptions
from seqwright.data.preprocessing import Preprocessing

CSV, JSON = CommaSeparated(source="word", target="sound"), JSONLines(source="word", target="sound")
FORMATS = [FirstLineDecides(), TabSeparated(source=2, target=1, features=3), CSV, JSON, RunningText()]


def _rows(folder: Path, content: bytes, form: Format) -> list[tuple[str, str, str]]:
    path = folder / "data"
    path.write_bytes(content)
    with Preprocessing(format=form).rows(path) as rows:
        return [(" ".join(r.pair.source), "".join(r.pair.target), r.where.removeprefix(str(path))) for r in rows]


def _refused(folder: Path, content: bytes, form: Format) -> tuple[str, str]:
    with pytest.raises(SeqwrightError) as caught:
        _rows(folder, content, form)
    assert caught.value.fix
    return caught.value.what, caught.value.where.removeprefix(str(folder / "data"))


def test_three_columns_are_source_target_and_features(tmp_path: Path):
    found = _rows(tmp_path, b"go\twent\tV;PST\r\ngo\tgo\t\n", FirstLineDecides())
    assert found == [("<V> <PST> g o", "went", ":1"), ("g o", "go", ":2")]


def test_what_the_first_line_decided_is_kept(tmp_path: Path):
    (tmp_path / "data").write_bytes(b"go\twent\tV;PST\n")
    with Preprocessing().rows(tmp_path / "data") as rows:
        preprocessing = rows.preprocessing
    assert preprocessing.format == TabSeparated(source=1, target=2, features=3, columns=3)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


def test_any_columns_can_be_meant(tmp_path: Path):
    content = b"1\twent\tx\tgo\tPST;V\n2\tsaw\tx\tsee\tPST\ty\n"
    found = _rows(tmp_path, content, TabSeparated(source=4, target=2, features=5))
    assert found == [("<PST> <V> g o", "went", ":1"), ("<PST> s e e", "saw", ":2")]
    told, where = _refused(tmp_path, content, TabSeparated(source=6, target=2))
    assert (told, where) == ("4 tabs on this line", ":1")


def test_quoted_fields_hold_commas_quotes_and_line_ends(tmp_path: Path):
    content = b'\xef\xbb\xbfid,sound,word\r\n1,"k,""t","c\r\na"\r\n2,d,o\r\n'
    assert _rows(tmp_path, content, CSV) == [("c \n a", 'k,"t', ":2"), ("o", "d", ":4")]


@pytest.mark.parametrize(
    ("content", "told", "where"),
    [
        (b"word,sonud\na,b\n", "no column 'sound' in the header", ":1"),
        (b"word,sound,word\na,b,c\n", "2 columns 'word' in the header", ":1"),
        (b"word,sound\na,b\na\n", "1 fields on this row, and the header has 2", ":3"),
        (b"word,sound\na,b,c\n", "3 fields on this row", ":2"),
        (b"word,sound\n\na,b\n", "0 fields on this row", ":2"),
        (b"word,sound\na,\n", "the target is empty", ":2"),
        (b"word,sound\na,\nb,\n", "the target is empty here and on the 1 rows", ":2"),
        (b"word,sound\n", "there are no rows under the header", ""),
        (b'word,sound\na,b\na,"b\n' + b"x\n" * 100_000, "a quotation mark left open", ":3"),
        (b'word,sound\na,"b" c\n', "not CSV", ":2"),
        (b"word,sound\na,b\rc\n", "not CSV", ":2"),
    ],
    ids=range(11),
)
def test_csv_that_is_none_is_named(tmp_path: Path, content: bytes, told: str, where: str):
    what, found = _refused(tmp_path, content, CSV)
    assert told in what
    assert found == where


def test_json_objects(tmp_path: Path):
    content = '{"word": "a\\u2028b", "n": [1], "sound": "c\\td"}\r\n{"sound": "é", "word": "e"}'.encode()
    assert _rows(tmp_path, content, JSON) == [("a \u2028 b", "c\td", ":1"), ("e", "é", ":2")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"word", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "JSON, but not an object"),
        (b'{"word": "a"}', "no key 'sound' in this object"),
        (b'{"word": "a", "sound": 3}', "'sound' is not text"),
        (b'{"word": "a", "sound": null}', "'sound' is not text"),
        (b'{"word": "a", "sound": "\\u0000"}', "a NUL character"),
        (b'{"word": "a", "sound": "\\ud800"}', "not JSON"),
        (b'{"word": "a", "sound": ""}', "the target is empty"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
    ],
    ids=range(11),
)
def test_json_that_is_none_is_named(tmp_path: Path, content: bytes, told: str):
    what, where = _refused(
        tmp_path, b'{"word": "a", "sound": "b"}\n' + content + b'\n{"word": "a", "sound": "b"}', JSON
    )
    assert told in what
    assert where == ":2"


def test_running_text_has_no_pairs(tmp_path: Path):
    assert _refused(tmp_path, b"to be\n", RunningText())[0] == "running text has no pairs"


BYTES = st.binary(max_size=40) | st.lists(
    st.sampled_from(
        [b"a", b"word", b"sound", b",", b'"', b"\n", b"\r\n", b"\r", b"\t", b"{", b"}", b":", b"\xc3", b"\xff", b";",
         b"\xef\xbb\xbf", b'{"word":"a","sound":"b"}', b"word,sound\n", b"\0", b"\\", b"[", "\u2028\x0b".encode()]
    )
).map(b"".join)  # fmt: skip


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: type(form).__name__)
@settings(max_examples=80)
@given(content=BYTES, packed=st.booleans())
def test_any_bytes_are_read_or_refused_with_their_place(
    tmp_path_factory: pytest.TempPathFactory, form: Format, content: bytes, packed: bool
):
    path = tmp_path_factory.mktemp("any") / "data"
    path.write_bytes(gzip.compress(content) if packed else content)
    preprocessing = Preprocessing(format=form)

    def read() -> list[str]:
        with preprocessing.rows(path) as rows:
            return [where for pair, where in rows if pair.source and pair.target]

    for act in (read, lambda: [prompt and prompt.where for prompt in preprocessing.prompts(path)]):
        try:
            found = act()
        except SeqwrightError as error:
            found = [error.where]
        assert found or act is not read
        assert all(where.startswith(str(path)) for where in found)


@pytest.mark.parametrize(
    ("form", "line", "symbols"),
    [
        (TabSeparated(), "cat", "c a t"),
        (TabSeparated(), "cat\tkat", "c a t"),
        (TabSeparated(), "", ""),
        (TabSeparated(source=3, target=1), "cat", "c a t"),
        (TabSeparated(features=3), "go", "g o"),
        (TabSeparated(features=3), "go\tV;PST", "<V> <PST> g o"),
        (TabSeparated(features=3), "go\twent\tV;PST", "<V> <PST> g o"),
        (CSV, 'a,"b', 'a , " b'),
        (JSON, "cat", "c a t"),
        (JSON, '{"word": "cat"}', "c a t"),
        (RunningText(), "to\tbe", "t o \t b e"),
    ],
)
def test_a_line_as_a_prompt(tmp_path: Path, form: Format, line: str, symbols: str):
    (tmp_path / "prompts").write_text(f"{line}\n")
    (found,) = Preprocessing(format=form).prompts(tmp_path / "prompts")
    assert found is not None
    assert " ".join(found.symbols) == symbols
    if not line.startswith("{"):
        assert Preprocessing(format=form).prompt(line) == found.symbols


def test_a_text_from_python_is_no_json():
    assert Preprocessing(format=JSON).prompt('{"word') == tuple('{"word')


@pytest.mark.parametrize(
    ("form", "line", "told"),
    [
        (TabSeparated(source=3, target=1), "a\tb", "1 tab on this line"),
        (JSON, "{cat", "not JSON"),
        (JSON, '{"w": "cat"}', "no key 'word'"),
    ],
)
def test_a_line_that_is_no_prompt(tmp_path: Path, form: Format, line: str, told: str):
    path = tmp_path / "prompts"
    path.write_text(f"a\n{line}\n")
    with pytest.raises(SeqwrightError, match=told) as caught:
        list(Preprocessing(format=form).prompts(path))
    assert caught.value.where == f"{path}:2"


def test_a_file_of_prompts_may_be_csv_where_rows_are(tmp_path: Path):
    path = tmp_path / "asked.csv"
    for content in (b'id,word\n1,"a,b"\n2,c\n', b"a,b\nc\n"):
        path.write_bytes(content)
        assert [prompt and prompt.text for prompt in Preprocessing(format=CSV).prompts(path)] == ["a,b", "c"]


def test_a_format_of_ones_own_is_chosen_by_its_suffix_and_needs_no_lines(tmp_path: Path):
    path = tmp_path / "rows.parquet"
    table = pa.table({"source": ["a", "cd"], "target": ["b", "d"], "number": [1, 2]})
    parquet.write_table(table, path)
    assert format_of(path) is Parquet
    preprocessing = PreprocessingOptions(source_tokens="bytes").preprocessing(path)
    assert preprocessing.format == Parquet()
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    corpus = Corpus.read(path, preprocessing)
    assert [pair.target for pair in corpus] == [("b",), ("d",)]
    other = PreprocessingOptions(source_column="number").preprocessing(path)
    assert other.format == Parquet(source="number")
    assert [pair.source for pair in Corpus.read(path, other)] == [("1",), ("2",)]
    with pytest.raises(SeqwrightError, match="--features-column is not for files of the kind Parquet"):
        PreprocessingOptions(features_column=3).preprocessing(path)
    assert [prompt and prompt.text for prompt in preprocessing.prompts(path)] == ["a", "cd"]
    (tmp_path / "lines").write_text("a b\n")
    assert [prompt and prompt.text for prompt in preprocessing.prompts(tmp_path / "lines")] == ["a b"]
    with pytest.raises(SeqwrightError, match="cannot be read"):
        Corpus.read(tmp_path / "missing.parquet", preprocessing)
    parquet.write_table(pa.table({"source": ["a"], "target": [""]}), path)
    with pytest.raises(SeqwrightError, match="the target is empty"):
        Corpus.read(path, preprocessing)
    with pytest.raises(SeqwrightError, match=r"there is no Format called Fixed.*choose one of: CommaSeparated \(Comma"):
        Preprocessing.from_json(preprocessing.to_json().replace("Parquet", "Fixed"))


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("a.tsv", {}, FirstLineDecides()),
        ("a.tsv", {"target_column": "1", "source_column": "3"}, TabSeparated(source=3, target=1)),
        ("-", {"target_column": "b"}, CommaSeparated(target="b")),
        ("a.CSV.gz", {"source_column": "3"}, CommaSeparated(source="3")),
        ("a.ndjson", {}, JSONLines()),
        ("a.txt", {"source_key": "a"}, JSONLines(source="a")),
        ("a.csv", {"text": True}, RunningText()),
    ],
)
def test_the_format_follows_from_the_name_and_the_options(name: str, options: dict[str, Any], form: Format):
    assert PreprocessingOptions(**options).preprocessing(Path(name)).format == form


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"target_column": "b"}, "--target-column b: the columns of a TSV file are given by number"),
        ({"target_column": "1"}, "two of the columns are the same"),
        ({"source_tokens": "bpe"}, "--source-tokens bpe is not known; give one of bytes, characters, graphemes, spaced, bpe:SIZE"),
        ({"normalise": "nfkc"}, "--normalise nfkc is not known; give one of as-is, jamo, nfc, nfd"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_named(options: dict[str, Any], told: str):
    with pytest.raises(SeqwrightError, match=told):
        PreprocessingOptions(**options).preprocessing(Path("a.tsv"))
