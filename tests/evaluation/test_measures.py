from __future__ import annotations

import json
from itertools import pairwise
from math import exp, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.evaluation.alignment import distance
from seqwright.evaluation.measures import AnsweredRow, Measures, measure


def row(source: str, target: str, answer: str, *loss: float | int) -> AnsweredRow:
    return AnsweredRow(tuple(source), tuple(target), tuple(answer), *loss)  # pyright: ignore[reportArgumentType]


ROWS = [
    row("cat", "kat", "kat", 0.5, 4, 4),
    row("dog", "dog", "dok", 2.0, 4, 3),
    row("mouse", "maus", "mau", 4.0, 5, 4),
    row("a", "e", "eee", 1.0, 2, 1),
]


def test_known_values():
    found = measure(ROWS)
    assert (found.rows, found.sources) == (4, 4)
    assert found.exact_match == 0.25
    assert found.wer == 0.75
    assert found.per == 4 / 11
    assert found.loss == 7.5 / 15
    assert found.perplexity == pytest.approx(exp(0.5))
    assert found.token_accuracy == 12 / 15
    assert {(c.gold, c.predicted): (c.count, c.of) for c in found.confusion} == {
        ("", "e"): (2, 11),
        ("g", "k"): (1, 1),
        ("s", ""): (1, 1),
    }
    assert [(w.answer, w.edits, w.loss) for w in found.worst] == [
        ("e e e", 2, 1.0),
        ("m a u", 1, 4.0),
        ("d o k", 1, 2.0),
    ]
    assert found.worst[1].aligned == [("m", "m"), ("a", "a"), ("u", "u"), ("s", "")]


def test_a_source_with_several_targets_is_one_question():
    rows = [
        row("read", "rid", "red", 1.0, 4, 3),
        row("live", "liv", "lav", 1.0, 4, 3),
        row("read", "red", "red", 2.0, 4, 4),
        row("live", "laivs", "lav", 3.0, 6, 3),
    ]
    found = measure(rows)
    assert (found.rows, found.sources) == (4, 2)
    assert found.wer == 0.5
    assert found.per == 1 / 6  # red against red, lav against liv
    assert found.loss == 7 / 18  # of all rows
    assert [(w.target, w.loss) for w in found.worst] == [("l i v", 1.0)]
    assert measure(rows[::-1]).per == found.per


def test_a_row_that_stands_twice_counts_once_as_a_question_and_twice_as_rows():
    found = measure([ROWS[1], ROWS[1], ROWS[0]])
    assert (found.rows, found.sources, found.wer, found.per) == (3, 2, 0.5, 1 / 6)
    assert found.loss == 4.5 / 12


SYMBOLS = st.text("abc", max_size=5).map(tuple)


@settings(max_examples=60)
@given(st.lists(st.tuples(SYMBOLS, SYMBOLS, SYMBOLS), min_size=1, max_size=30))
def test_rates_are_what_their_names_say(rows: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]):
    targets: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    said = {}
    for source, target, answer in rows:
        targets.setdefault(source, []).append(target)
        said.setdefault(source, answer)
    found = measure([AnsweredRow(*row) for row in rows], draws=50)
    right = sum(said[source] in wanted for source, wanted in targets.items())
    assert found.exact_match == right / len(targets)
    assert found.wer == pytest.approx(1 - found.exact_match)
    edits = sum(min(distance(target, said[source]) for target in wanted) for source, wanted in targets.items())
    if found.per is not None:
        nearest = [min(wanted, key=lambda t: distance(t, said[s])) for s, wanted in targets.items()]
        assert found.per * sum(map(len, nearest)) == pytest.approx(edits)
    assert sum(c.count for c in found.confusion) == edits
    assert sum(part.sources for part in found.by_length) == found.sources
    for name in ("exact_match", "wer"):
        low, high = found.intervals[name] or (0, 1)
        assert 0 <= low <= high <= 1


def test_intervals_hold_what_was_measured():
    rows = [row(f"{n:04}", "abcdefg"[: 4 + n % 4], "abcdefg"[: 4 + n % 3], 1 + n % 7, 3, n % 4) for n in range(300)]
    found = measure(rows, also=("bleu", "chrf"))
    names = {"exact_match", "wer", "per", "loss", "perplexity", "token_accuracy", "bleu", "chrf"}
    assert set(found.intervals) == names
    for name in names:
        interval = found.intervals[name]
        assert interval is not None
        assert interval[0] < getattr(found, name) < interval[1]
    assert measure(rows, also=("bleu", "chrf")) == found
    assert measure(rows, seed=1).intervals["loss"] != found.intervals["loss"]


def test_accuracy_by_length_in_a_few_ranges_of_like_size():
    rows = [row("x" * (1 + n % 40) + str(n), "a", "a" if n % 40 < 20 else "b") for n in range(800)]
    parts = measure(rows).by_length
    assert 5 <= len(parts) <= 8
    assert all(before.longest < after.shortest for before, after in pairwise(parts))
    assert all(part.shortest <= part.longest and 50 <= part.sources <= 200 for part in parts)
    assert (parts[0].exact_match, parts[-1].exact_match) == (1.0, 0.0)
    one = measure([row("aa", "a", "a"), row("bb", "a", "b")]).by_length
    assert [(part.shortest, part.longest, part.exact_match) for part in one] == [(2, 2, 0.5)]


def test_json_has_the_promised_keys_and_can_be_read_back():
    found = measure(ROWS, also=("chrf",))
    keys = json.loads(found.to_json())
    assert {"exact_match", "wer", "per", "loss", "rows", "intervals", "by_length", "confusion", "worst"} <= set(keys)
    assert "bleu" not in keys
    assert "nc:6" in keys["signatures"]["chrf"]
    assert Measures.from_json(found.to_json()) == found
    assert "chrf" not in json.loads(measure(ROWS).to_json())


def test_one_row_and_no_row():
    found = measure([row("a", "b", "b")])
    assert (found.rows, found.wer, found.per, found.loss, found.perplexity) == (1, 0.0, 0.0, None, None)
    assert set(found.intervals.values()) == {None}
    assert found.worst == []
    with pytest.raises(SeqwrightError, match="no row"):
        measure([])


def test_empty_answers_and_empty_targets():
    found = measure([row("a", "bc", ""), row("d", "", "")])
    assert (found.exact_match, found.per) == (0.5, 1.0)
    assert measure([row("a", "", "x")]).per is None  # there is no gold symbol to count by


def test_rows_whose_loss_was_not_measured_do_not_count_towards_it():
    found = measure([ROWS[0], row("x", "y", "y")])
    assert found.loss == 0.5 / 4
    assert found.rows == 2


def test_a_loss_that_is_not_a_number_stays_one():
    found = measure([ROWS[0], row("x", "y", "y", nan, 2, 0)])
    assert found.intervals["loss"] is None
    assert json.loads(found.to_json())["loss"] is None
    assert found.intervals["wer"] == (0.0, 0.0)
    absurd = measure([ROWS[0], row("x", "y", "y", 1e6, 2, 0)])
    assert absurd.perplexity == float("inf")


def test_texts_are_joined_as_one_asks_and_only_so_many_are_kept():
    found = measure(ROWS, worst=2, source_text="".join, target_text="-".join)
    assert [(w.source, w.target, w.answer) for w in found.worst] == [("a", "e", "e-e-e"), ("mouse", "m-a-u-s", "m-a-u")]


def test_unknown_target_symbols_count_as_wrong_tokens():
    """The loss leaves out what the vocabulary lacks; the accuracy does not, and so cannot flatter."""
    found = measure([row("xyz", "XYZ", "", 0.1, 1, 1)])  # of the target only END is known
    assert found.loss == pytest.approx(0.1)
    assert found.token_accuracy == 0.25
