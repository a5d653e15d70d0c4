from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import kinds
from seqwright.core.spec import vary
from seqwright.data.batch import Pair
from seqwright.tasks.algorithmic import Copy, Histogram, Parity, Reverse, ReversedAddition, Task, UniqueCopy
from seqwright.tasks.sampling import Dataset, NoNoise, SourceFlips, TargetFlips, TestFlips

TASKS = [
    pytest.param(kind(), id=kind.__name__) for kind in kinds(Task).values() if kind.__module__.startswith("seqwright.")
]
WIDE = Dataset(task=Reverse(), train=400, test=90, lengths=(6, 8), beyond=(12, 16), seed=3)


def sources(pairs: tuple[Pair, ...]) -> list[tuple[str, ...]]:
    return [pair.source for pair in pairs]


def changed(clean: tuple[Pair, ...], noisy: tuple[Pair, ...], side: int) -> float:
    """The share of symbols that differ."""
    both = [
        (a, b) for one, other in zip(clean, noisy, strict=True) for a, b in zip(one[side], other[side], strict=True)
    ]
    return sum(a != b for a, b in both) / len(both)


@pytest.mark.parametrize("task", TASKS)
def test_rows_are_as_requested_and_none_held_out_is_trained_on(task: Task):
    data = Dataset(task=task, train=500, test=60, lengths=(8, 10), beyond=(14, 20))
    draw = data.draw()
    assert [len(rows) for rows in draw[:3]] == [500, 60, 60]
    assert draw.notes == ()
    assert not set(sources(draw.test)) & set(sources(draw.train))
    assert len(set(sources(draw.test))) == len(set(sources(draw.beyond))) == 60
    lengths = Counter(len(pair.source) for pair in draw.train)
    assert set(lengths) == {len(pair.source) for pair in draw.test}
    assert min(lengths.values()) > 120  # a third of 500 each, less four standard deviations
    assert set(Counter(map(len, sources(draw.test))).values()) == {20}
    assert set(Counter(map(len, sources(draw.beyond))).values()) == {30}
    for pair in (*draw.train, *draw.test, *draw.beyond):
        assert pair.target == task.answer(pair.source)
        assert {*pair.source, *pair.target} <= set(data.symbols)


def test_the_same_value_draws_the_same_rows():
    assert WIDE.draw() == Dataset.from_json(WIDE.to_json()).draw()
    other = vary(WIDE, {"seed": 4}).draw()
    assert all(one != two for one, two in zip(WIDE.draw()[:3], other[:3], strict=True))


def test_more_training_rows_begin_with_the_same_ones():
    draw, longer = WIDE.draw(), vary(WIDE, {"train": 700}).draw()
    assert longer.train[:400] == draw.train
    assert (longer.test, longer.beyond) == (draw.test, draw.beyond)


@given(
    task=st.sampled_from([Copy(symbols=1), Copy(symbols=2), UniqueCopy(symbols=4), Parity(), Reverse(symbols=3)]),
    least=st.integers(1, 3),
    more=st.integers(0, 1),
    test=st.integers(1, 40),
    seed=st.integers(0, 99),
    noise=st.sampled_from([NoNoise(), SourceFlips(rate=0.99), TargetFlips(rate=0.5)]),
)
@settings(max_examples=60, deadline=None)
def test_small_spaces_end_and_are_held_out_as_far_as_they_go(
    task: Task, least: int, more: int, test: int, seed: int, noise: NoNoise | SourceFlips | TargetFlips
):
    lengths = (least, least + more)
    data = Dataset(task=task, train=150, test=test, lengths=lengths, noise=noise, seed=seed)
    draw = data.draw()
    held_out, trained = set(sources(draw.test)), set(sources(draw.train))
    assert len(held_out) == len(draw.test)
    assert held_out & trained <= {("a",) * n for n in range(9) if task == Copy(symbols=1)}
    shares = [test // 2, test - test // 2] if more else [test]
    for length, wanted in enumerate(shares, start=least):
        have = sum(len(source) == length for source in held_out)
        space = task.space(length)
        assert have == min(wanted, max(1, space // 4))
        notes = [note for note in draw.notes if f"of length {length}:" in note]
        assert bool(notes) == (have < wanted or (space == 1 and wanted > 0))


def test_a_small_space_is_noted():
    data = Dataset(task=Copy(symbols=2), train=200, test=20, lengths=(2, 3), beyond=(4, 5))
    draw = data.draw()
    assert draw.notes == (
        "copy has 4 sources of length 2: 1 is held out, not 10, and training draws from the other 3",
        "copy has 8 sources of length 3: 2 are held out, not 10, and training draws from the other 6",
    )
    assert len(set(sources(draw.train))) == 9  # all but the held out
    wider = vary(data, {"test": 100, "beyond": (5, 4, 4)}).draw()
    assert wider.notes[2:] == (
        "copy has no more sources of length 4: 16 are tested, not 50",
        "copy has no more sources of length 5: 32 are tested, not 50",
    )
    assert len(set(sources(wider.beyond))) == 48


def test_a_single_source_is_trained_on_and_tested():
    draw = Dataset(task=Copy(symbols=1), train=5, test=5, lengths=(3, 3)).draw()
    assert draw.test == draw.train[:1] == (Pair.of("aaa", "aaa"),)
    assert draw.notes == ("copy has only 1 source of length 3: it is both trained on and tested",)


def test_noise_falls_at_its_rate_and_where_it_is_meant_to():
    clean = WIDE.draw()
    for noise, parts in [
        (SourceFlips(rate=0.2), {("train", 0)}),
        (TargetFlips(rate=0.2), {("train", 1)}),
        (TestFlips(rate=0.2), {("test", 0), ("beyond", 0)}),
    ]:
        noisy = vary(WIDE, {"noise": noise}).draw()
        for part in ("train", "test", "beyond"):
            for side in (0, 1):
                share = changed(getattr(clean, part), getattr(noisy, part), side)
                if (part, side) in parts:
                    assert 0.14 < share < 0.26  # about 700 symbols at least: four standard deviations
                else:
                    assert share == 0
        assert noisy.notes == clean.notes


def test_a_flipped_symbol_is_another_one():
    parity = Dataset(task=Parity(), train=200, lengths=(8, 9))
    noisy = vary(parity, {"noise": TargetFlips(rate=0.999999)}).draw()
    assert changed(parity.draw().train, noisy.train, 1) == 1


def test_rows_of_one_kind_do_not_resemble_those_of_another():
    draw = Dataset(task=Parity(), test=20, lengths=(20, 20), beyond=(21,)).draw()
    assert all(one.source != other.source[:20] for one, other in zip(draw.test, draw.beyond, strict=True))


def test_noise_draws_from_the_symbols_of_its_side():
    data = Dataset(task=Histogram(symbols=3), train=200, lengths=(8, 9))
    train = vary(data, {"noise": SourceFlips(rate=0.5)}).draw().train
    assert {symbol for pair in train for symbol in pair.source} == set("abc")
    train = vary(data, {"noise": TargetFlips(rate=0.9)}).draw().train
    assert {symbol for pair in train for symbol in pair.target} == {str(number) for number in range(10)}
    train = vary(data, {"task": ReversedAddition(), "noise": SourceFlips(rate=0.9)}).draw().train
    assert {symbol for pair in train for symbol in pair.source} == set("0123456789+")


def test_noise_never_shows_what_is_held_out():
    data = Dataset(task=Parity(), train=2000, test=50, lengths=(4, 5), noise=SourceFlips(rate=0.5))
    draw = data.draw()
    assert not set(sources(draw.train)) & set(sources(draw.test))
    assert len(set(sources(draw.train))) == 16 + 32 - len(draw.test)


def test_symbols_reach_to_the_longest_row():
    data = Dataset(task=Histogram(symbols=2), lengths=(2, 3), beyond=(12,))
    assert data.symbols == ("a", "b", *map(str, range(13)))
    assert vary(data, {"beyond": ()}).symbols == ("a", "b", *map(str, range(4)))


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"lengths": (8, 4)}, "no lengths from 8 to 4; give the shorter one first"),
        ({"lengths": (0, 4)}, "no source of length 0"),
        ({"task": UniqueCopy(symbols=6)}, "length 8; give 6 at most"),
        ({"beyond": (20, 7)}, "length 7 is not beyond the training lengths, 6 to 8"),
        ({"task": UniqueCopy(symbols=12)}, "length 16; give 12 at most"),
    ],
)
def test_lengths_that_cannot_be_drawn_are_refused(edits: dict[str, object], told: str):
    with pytest.raises(SeqwrightError, match=told):
        vary(WIDE, edits).draw()


def test_a_rate_is_a_probability_below_one():
    with pytest.raises(SeqwrightError, match="< 1"):
        Dataset(task=Copy(), noise=SourceFlips(rate=1.0)).draw()
