from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.data import corpus as corpus_module
from seqwright.data.batch import Pair
from seqwright.data.corpus import Corpus
from seqwright.data.line_formats import JSONLines, RunningText, TabSeparated
from seqwright.data.normalisation import Jamo
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.text import TextCorpus
from seqwright.data.tokeniser import Spaced

SIDE = st.lists(st.sampled_from(["a", "b", "ab", "<V>", "é", "☃"]), min_size=1, max_size=4).map(tuple)
PAIRS = st.lists(st.builds(Pair, SIDE, SIDE), min_size=1, max_size=60)


@pytest.fixture(params=[3, 100_000])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Nothing depends on how many rows are worked on at once."""
    monkeypatch.setattr(corpus_module, "CHUNK", request.param)
    return request.param


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS)
def test_a_corpus_is_its_pairs(chunk: int, pairs: list[Pair]):
    corpus = Corpus.of(pairs)
    assert list(corpus) == pairs
    assert corpus[-1] == pairs[-1]
    assert list(corpus[1::2]) == pairs[1::2]
    assert list(corpus.take([0, 0])) == [pairs[0]] * 2
    sources, targets = corpus.lengths()
    assert sources.tolist() == [len(pair.source) for pair in pairs]
    assert targets.tolist() == [len(pair.target) for pair in pairs]
    assert corpus.symbols == tuple(sorted({symbol for pair in pairs for side in pair for symbol in side}))
    facts = corpus.statistics()
    assert facts.rows == len(pairs)
    assert facts.repeats == len(pairs) - len(set(pairs))
    assert facts.sources == len({pair.source for pair in pairs})
    assert facts.source_symbols == len({symbol for pair in pairs for symbol in pair.source})
    assert facts.target_symbols == len({symbol for pair in pairs for symbol in pair.target})
    assert facts.target_lengths.most == max(targets)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=PAIRS, other=PAIRS)
def test_overlap_and_fingerprint_depend_on_the_rows_alone(chunk: int, pairs: list[Pair], other: list[Pair]):
    one, two = Corpus.of(pairs), Corpus.of(other)
    assert one.overlap(two) == sum(pair in pairs for pair in other)
    assert (one.fingerprint == two.fingerprint) == (pairs == other)
    both = Corpus.of(other + pairs)  # symbols are numbered otherwise there
    assert both[len(other) :].fingerprint == one.fingerprint


@settings(max_examples=60)
@given(pairs=PAIRS, seed=st.integers(0, 3), fraction=st.sampled_from([0.1, 0.3, 0.5]), most=st.integers(1, 9))
def test_no_source_is_on_both_sides_of_a_split(pairs: list[Pair], seed: int, fraction: float, most: int):
    train, dev = Corpus.of(pairs).split(fraction, most, seed)
    sources = {pair.source for pair in pairs}
    held = {pair.source for pair in dev}
    assert not held & {pair.source for pair in train}
    assert sorted([*train, *dev]) == sorted(pairs)
    assert len(train)
    assert bool(held) == (int(fraction * len(sources)) >= 1)
    assert len(held) <= fraction * len(sources)
    assert len(dev) <= most or len(held) == 1
    shuffled = random.Random(seed).sample(pairs, len(pairs))
    assert {pair.source for pair in Corpus.of(shuffled).split(fraction, most, seed)[1]} == held


def test_the_seed_decides_the_split():
    corpus = Corpus.of([Pair.of(f"{n}", "a") for n in range(100)])
    held = [frozenset(pair.source for pair in corpus.split(0.1, 1000, seed)[1]) for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]
    assert len(held[0]) == 10


def test_one_row_of_one_symbol():
    corpus = Corpus.of([Pair.of("a", "a")])
    train, dev = corpus.split(0.1, 1000, 0)
    assert (len(train), len(dev), corpus.symbols) == (1, 0, ("a",))
    assert dev.statistics().rows == 0
    assert "1 pair (0 of them repeats, 1 different sources); sources of 1 symbols" in corpus.statistics().summary()


def test_the_same_rows_have_the_same_fingerprint_however_they_are_written(tmp_path: Path):
    files = {
        "plain": b"ab\tc d\nb\td\n",
        "windows": b"\xef\xbb\xbfab\tc d\r\nb\td\r\n",
        "packed": gzip.compress(b"ab\tc d\nb\td"),
        "spaces": b"ab\tc  d \nb\td\n",
    }
    found = set()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        found.add(Corpus.read(tmp_path / name, Preprocessing(target=Spaced())).fingerprint)
    (tmp_path / "json").write_text('{"s": "ab", "t": "c d"}\n{"s": "b", "t": "d"}\n')
    found.add(
        Corpus.read(
            tmp_path / "json", Preprocessing(format=JSONLines(source="s", target="t"), target=Spaced())
        ).fingerprint
    )
    assert len(found) == 1
    other = Corpus.of([Pair(("b",), ("d",)), Pair(("a", "b"), ("c", "d"))])  # the order counts
    assert other.fingerprint not in found


def test_the_reading_has_what_the_first_line_decided(tmp_path: Path):
    (tmp_path / "rows").write_bytes(b"go\twent\tV;PST\n")
    corpus = Corpus.read(tmp_path / "rows", Preprocessing())
    assert corpus.preprocessing.format == TabSeparated(features=3, columns=3)
    assert corpus[0].source == ("<V>", "<PST>", "g", "o")
    assert corpus.split(0.5, 1, 0)[0].preprocessing == corpus.preprocessing


def test_progress_is_told_and_too_much_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpus_module, "CHUNK", 50)
    path = tmp_path / "rows"
    path.write_bytes(b"abcdefgh\tabcdefgh\n" * 5_000)
    told: list[tuple[int, float | None]] = []
    Corpus.read(path, Preprocessing(), progress=lambda rows, fraction: told.append((rows, fraction)))
    assert [rows for rows, _ in told] == list(range(50, 5_001, 50))
    assert told[-1][1] == 1
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 5 * 10**5}))
    for read, reading in ((Corpus.read, Preprocessing()), (TextCorpus.read, Preprocessing(format=RunningText()))):
        told.clear()
        with pytest.raises(SeqwrightError, match=r"would take about 0\.0 GB of memory, and 0\.0 GB") as caught:
            read(path, reading, progress=lambda rows, fraction: told.append((rows, fraction)))
        assert caught.value.where == str(path)
        assert len(told) < 22  # of 100: the first read-ahead hides how small a part of the file it is


def test_a_hint_for_what_was_read():
    korean = [Pair(("한", "국"), ("h", "a"))]
    assert "jamo" in (Corpus.of(korean).hint() or "")
    assert Corpus.of(korean, preprocessing=Preprocessing(normalisation=Jamo())).hint() is None
    assert Corpus.of([Pair.of("a", "b")]).hint() is None
    spaced = Preprocessing(target=Spaced())
    assert Corpus.of([Pair(("a",), ("a", "\u0303"))], preprocessing=spaced).hint() is None  # apart because symbols are


def _text(folder: Path, content: str, reading: Preprocessing | None = None) -> TextCorpus:
    path = folder / "text"
    path.write_text(content)
    return TextCorpus.read(path, reading or Preprocessing(format=RunningText()))


def test_running_text_is_one_sequence(tmp_path: Path):
    corpus = _text(tmp_path, "to be\nor\n")
    assert "".join(corpus.symbols[number] for number in corpus.ids) == "to be\nor\n"
    assert corpus.symbols == tuple(sorted("to be\nr"))
    assert corpus.ids.dtype == np.int32
    assert "9 symbols of running text, 7 different: " in corpus.statistics().summary()
    assert corpus.fingerprint != _text(tmp_path, "to be\nor ").fingerprint
    assert corpus.hint() is None
    assert "jamo" in (_text(tmp_path, "한국").hint() or "")


def test_the_end_of_a_text_is_held_out(tmp_path: Path):
    train, held = _text(tmp_path, "abababababababababxy").split(0.1)
    assert (len(train), train.symbols) == (18, ("a", "b"))
    assert (held.ids.tolist(), held.symbols) == ([0, 1], ("x", "y"))
