from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.extend.rotate import Rotate
from seqwright.core.errors import SeqwrightError
from seqwright.core.place import kinds
from seqwright.core.spec import Spec, vary
from seqwright.tasks.algorithmic import (
    AssociativeRecall,
    BucketSort,
    Copy,
    CycleNavigation,
    Dyck,
    EvenPairs,
    Histogram,
    Hops,
    Induction,
    Majority,
    MissingDuplicate,
    Parity,
    Reverse,
    ReversedAddition,
    SelectiveCopy,
    Task,
    UniqueCopy,
)
from seqwright.tasks.alphabets import letters
from seqwright.tasks.sampling import Dataset

KINDS = tuple(kind for kind in kinds(Task).values() if kind.__module__.startswith("seqwright."))

# Sources and their targets, defined a second time in another way: by trial, by rewriting text, by walking.


def _recalled(task: AssociativeRecall, s: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        s[2 * [s[i] for i in range(0, len(s) - task.queries, 2)].index(s[q]) + 1] for q in range(-task.queries, 0)
    )


def _hopped(task: Hops, s: tuple[str, ...]) -> tuple[str, ...]:
    def after(node: str, hops: int) -> str:
        return node if hops == 0 else after(next(s[i + 1] for i in range(0, len(s) - 1, 2) if s[i] == node), hops - 1)

    return (after(s[-1], task.hops),)


def _one_cycle(s: tuple[str, ...]) -> bool:
    pairs = {s[i]: s[i + 1] for i in range(0, len(s) - 1, 2)}
    seen = [s[-1]]
    while (after := pairs.get(seen[-1])) not in (None, *seen):
        seen.append(str(after))
    return len(pairs) == len(s) // 2 and set(seen) == set(pairs) == set(pairs.values()) and pairs[seen[-1]] == s[-1]


def _reduced(s: tuple[str, ...]) -> str:
    word = "".join(s)
    while (shorter := word.replace("()", "").replace("[]", "")) != word:
        word = shorter
    return word


def _bounded(depth: int, s: tuple[str, ...]) -> bool:
    heights = list(itertools.accumulate(1 if bracket in "([" else -1 for bracket in s))
    matched = all(bracket in "([" for bracket in _reduced(s))
    return matched and max(heights) <= depth and heights[-1] >= 1 and s[-1] in ")]"


def _number(digits: tuple[str, ...], base: int) -> int:
    return sum(int(digit) * base**power for power, digit in enumerate(digits))


def _added(task: ReversedAddition, s: tuple[str, ...]) -> tuple[str, ...]:
    plus, base = s.index("+"), task.symbols
    total = _number(s[:plus], base) + _number(s[plus + 1 :], base)
    return tuple(str(total // base**power % base) for power in range(plus + 1))


def _walked(task: CycleNavigation, s: tuple[str, ...]) -> tuple[str, ...]:
    state = 0
    for move in s:
        state += {"0": 0, "+": 1, "-": -1}[move]
        state = 0 if state == task.size else task.size - 1 if state < 0 else state
    return (str(state),)


def _duplicated(task: MissingDuplicate, s: tuple[str, ...]) -> tuple[str, ...]:
    """Every symbol that makes the source a repeated word when it replaces the hidden one."""
    wholes = {a: "".join(s).replace("?", a) for a in letters(task.symbols)}
    return tuple(a for a, whole in wholes.items() if whole[: len(s) // 2] == whole[len(s) // 2 :])


def _kept(n: int) -> int:
    return n - n // 2


ANSWERS = {
    Copy: lambda t, s: s,
    UniqueCopy: lambda t, s: s,
    Reverse: lambda t, s: tuple(s[len(s) - 1 - i] for i in range(len(s))),
    MissingDuplicate: _duplicated,
    SelectiveCopy: lambda t, s: tuple("".join(s).replace(".", "")),
    EvenPairs: lambda t, s: (str(1 - sum(a != b for a, b in itertools.pairwise(s)) % 2),),  # as many ab as ba
    AssociativeRecall: _recalled,
    Induction: lambda t, s: ("".join(s).split(s[-1])[1][:1],),
    Hops: _hopped,
    Parity: lambda t, s: (str(sum(map(int, s)) % 2),),
    CycleNavigation: _walked,
    Majority: lambda t, s: tuple(a for a in {*s} if all(s.count(a) > s.count(b) for b in {*s} - {a})),
    Histogram: lambda t, s: tuple(str(sum(a == b for a in s)) for b in letters(t.symbols)),
    BucketSort: lambda t, s: tuple(sorted(s)),
    ReversedAddition: _added,
    Dyck: lambda t, s: tuple(c for c in ")]" if len(_reduced((*s, c))) < len(_reduced(s))),
}

SOURCES = {
    Copy: lambda t, n, s: len(s) == n,
    UniqueCopy: lambda t, n, s: len(s) == len({*s}) == n,
    Reverse: lambda t, n, s: len(s) == n,
    MissingDuplicate: lambda t, n, s: len(s) == 2 * n and s.count("?") == 1 and bool(_duplicated(t, s)),
    SelectiveCopy: lambda t, n, s: len(s) == n and s.count(".") == n - _kept(n),
    EvenPairs: lambda t, n, s: len(s) == n,
    AssociativeRecall: lambda t, n, s: (
        len(s) == 2 * n + t.queries
        and "".join(s[: 2 * n : 2]).islower()
        and "".join(s[1 : 2 * n : 2]).isupper()
        and len({*s[: 2 * n : 2]}) == n
        and {*s[2 * n :]} <= {*s[: 2 * n : 2]}
        and len({*s[2 * n :]}) == t.queries
    ),
    Induction: lambda t, n, s: len(s) == n and s.count(s[-1]) == 2 and s[-2] != s[-1],
    Hops: lambda t, n, s: len(s) == 2 * n + 1 and _one_cycle(s),
    Parity: lambda t, n, s: len(s) == n,
    CycleNavigation: lambda t, n, s: len(s) == n,
    Majority: lambda t, n, s: len(s) == n and len(ANSWERS[Majority](t, s)) == 1,
    Histogram: lambda t, n, s: len(s) == n,
    BucketSort: lambda t, n, s: len(s) == n,
    ReversedAddition: lambda t, n, s: len(s) == 2 * n + 1 and s[n] == "+" and s.count("+") == 1,
    Dyck: lambda t, n, s: len(s) == n and _bounded(t.depth, s),
}

# Small ones, whose sources can all be written down.
SMALL: dict[type, list[tuple[Task, list[int]]]] = {
    Copy: [(Copy(symbols=1), [1, 3]), (Copy(symbols=3), [1, 4])],
    UniqueCopy: [(UniqueCopy(symbols=4), [1, 3, 4])],
    Reverse: [(Reverse(symbols=2), [1, 5])],
    MissingDuplicate: [(MissingDuplicate(symbols=2), [1, 3])],
    SelectiveCopy: [(SelectiveCopy(symbols=2), [1, 4, 5])],
    EvenPairs: [(EvenPairs(), [2, 5])],
    AssociativeRecall: [
        (AssociativeRecall(symbols=2, queries=1), [1, 2]),
        (AssociativeRecall(symbols=2, queries=2), [2]),
    ],
    Induction: [(Induction(symbols=3), [3, 5]), (Induction(symbols=4), [4])],
    Hops: [(Hops(symbols=4, hops=1), [3]), (Hops(symbols=3, hops=1), [3])],
    Parity: [(Parity(), [1, 6])],
    CycleNavigation: [(CycleNavigation(), [2, 4]), (CycleNavigation(size=2), [1])],
    Majority: [(Majority(symbols=2), [3, 6]), (Majority(symbols=3), [3, 5]), (Majority(symbols=4), [4])],
    Histogram: [(Histogram(symbols=3), [1, 4])],
    BucketSort: [(BucketSort(symbols=3), [1, 4])],
    ReversedAddition: [(ReversedAddition(symbols=2), [1, 2]), (ReversedAddition(symbols=3), [2])],
    Dyck: [(Dyck(depth=3), [3, 4, 6]), (Dyck(depth=4), [5, 6])],
}
CASES = [
    pytest.param(
        task, length, id=f"{task.name}-{'-'.join(str(getattr(task, f)) for f in task.__struct_fields__)}-{length}"
    )
    for kind in KINDS
    for task, lengths in SMALL[kind]
    for length in lengths
]
DEFAULTS = [pytest.param(kind(), id=kind.__name__) for kind in KINDS]


def drawn(task: Task, length: int, rows: int, seed: int = 0) -> list[tuple[str, ...]]:
    generator = np.random.default_rng(seed)
    return [task.source(length, generator) for _ in range(rows)]


def enumerated(task: Task, length: int) -> list[tuple[str, ...]]:
    """Every sequence over the source symbols that is a source."""
    (whole,) = {len(source) for source in drawn(task, length, 3)}
    every = itertools.product(task.source_symbols(length), repeat=whole)
    return [source for source in every if SOURCES[type(task)](task, length, source)]


@pytest.mark.parametrize(("task", "length"), CASES)
def test_a_space_has_as_many_sources_as_can_be_written_down_and_each_is_answered(task: Task, length: int):
    every = enumerated(task, length)
    assert task.space(length) == len(every)
    for source in every:
        assert task.answer(source) == ANSWERS[type(task)](task, source)


@pytest.mark.parametrize(("task", "length"), CASES)
def test_every_source_is_drawn_as_often_as_any_other(task: Task, length: int):
    every = enumerated(task, length)
    rows = max(20 * len(every), 500)
    times = Counter(drawn(task, length, rows))
    assert set(times) == set(every)
    expected = rows / len(every)
    chi_square, free = sum((n - expected) ** 2 / expected for n in times.values()), len(every) - 1
    assert chi_square <= free + 5 * (2 * free) ** 0.5  # five standard deviations


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_sources_and_answers_are_right_at_any_size(kind: type[Task], data: st.DataObject):
    fields = kind.__struct_fields__
    sizes = {name: data.draw(st.integers(3, 8), name) for name in fields if name in ("symbols", "size", "depth")}
    few = {name: data.draw(st.integers(1, 2), name) for name in fields if name in ("queries", "hops")}
    task = vary(kind(), {**sizes, **few})
    if task.longest is not None and task.longest < task.shortest:
        return
    length = data.draw(st.integers(task.shortest, task.longest or 20), "length")
    (source,) = drawn(task, length, 1, data.draw(st.integers(0, 2**32), "seed"))
    answer = task.answer(source)
    assert SOURCES[kind](task, length, source)
    assert answer
    assert set(source) <= set(task.source_symbols(length)) <= set(task.alphabet(length))
    assert set(answer) <= set(task.target_symbols(length)) <= set(task.alphabet(length))
    assert answer == ANSWERS[kind](task, source)
    assert task.space(length) >= 1


class Holder(Spec):
    task: Task


@pytest.mark.parametrize("task", DEFAULTS)
def test_a_task_is_a_value(task: Task):
    assert Holder.from_json(Holder(task=task).to_json()) == Holder(task=task)
    assert drawn(task, 10, 5) == drawn(task, 10, 5) != drawn(task, 10, 5, seed=1)
    assert len(set(task.alphabet(10))) == len(task.alphabet(10))


@pytest.mark.parametrize("task", DEFAULTS)
def test_a_length_that_makes_no_sense_is_refused(task: Task):
    with pytest.raises(SeqwrightError, match=f"{task.name} has no source of length 0; its lengths begin at"):
        task.source(0, np.random.default_rng(0))
    with pytest.raises(SeqwrightError, match="begin at"):
        task.space(task.shortest - 1)
    task.space(task.shortest)
    if task.longest is not None:
        task.space(task.longest)
        with pytest.raises(SeqwrightError, match=f"{task.longest} at most"):
            task.source(task.longest + 1, np.random.default_rng(0))


def test_names_differ():
    names = [kind().name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert {"copy", "reversed-addition", "missing-duplicate"} <= set(names)


@pytest.mark.parametrize(
    "task", [EvenPairs(), Parity(), Majority(symbols=2), Dyck(), Dyck(depth=3), MissingDuplicate(symbols=2)], ids=repr
)
@pytest.mark.parametrize("length", [6, 7, 31])
def test_two_answers_come_about_equally_often(task: Task, length: int):
    times = Counter(task.answer(source) for source in drawn(task, length, 2000))
    assert len(times) == 2
    assert min(times.values()) > 880  # 1000 less five standard deviations


@pytest.mark.parametrize("length", [6, 7, 31])
def test_the_last_bracket_opened_says_nothing_about_the_one_that_is_open(length: int):
    rows = [(source, Dyck().answer(source)) for source in drawn(Dyck(), length, 2000)]
    last = [[bracket for bracket in source if bracket in "(["][-1] for source, _ in rows]
    agreed = sum({"(": ")", "[": "]"}[bracket] == answer for bracket, (_, (answer,)) in zip(last, rows, strict=True))
    assert 880 < agreed < 1120


@pytest.mark.parametrize("hops", [1, 2, 4])
def test_hops_lead_to_every_node_but_the_start(hops: int):
    task = Hops(symbols=12, hops=hops)
    rows = drawn(task, 2 * hops + 1, 3000)
    assert all(task.answer(source)[0] != source[-1] for source in rows)
    assert task.shortest - hops == hops + 1  # the way back is one longer
    assert {task.answer(source)[0] for source in rows} == set(letters(12))


def test_symbols_beyond_the_alphabet_have_names_of_their_own():
    task = BucketSort(symbols=512)
    assert len(set(task.alphabet(9))) == 512
    assert task.answer(("s512", "b", "s27", "z")) == ("b", "z", "s27", "s512")
    assert len(AssociativeRecall(symbols=512).alphabet(9)) == 1024


def test_majorities_are_counted_exactly_where_no_one_could_write_them_down():
    assert Majority(symbols=2).space(127) == 2**127  # an odd number of two symbols is never a tie
    rows = np.random.default_rng(0).integers(26, size=(20000, 40))
    times = np.sort((rows[:, :, None] == np.arange(26)).sum(1), axis=1)
    share = float((times[:, -1] > times[:, -2]).mean())
    assert Majority(symbols=26).space(40) / 26**40 == pytest.approx(share, abs=0.02)


def test_a_task_of_ones_own_is_a_kind_of_task():
    assert kinds(Task)["Rotate"] is Rotate
    assert Holder.from_json('{"type": "Holder", "task": {"type": "Rotate", "symbols": 3}}').task == Rotate(symbols=3)
    draw = Dataset(task=Rotate(), train=20, test=5).draw()
    assert all(pair.target == (*pair.source[2:], *pair.source[:2]) for pair in draw.train)


def test_an_unknown_task_is_answered_with_the_known_ones():
    with pytest.raises(
        SeqwrightError, match=r"there is no Task called Sort.*; choose one of: AssociativeRecall \(N keys"
    ):
        Holder.from_json('{"type": "Holder", "task": {"type": "Sort"}}')


@pytest.mark.parametrize("edit", [{"symbols": 0}, {"symbols": 513}, {"symbols": "many"}])
def test_numbers_of_symbols_out_of_range_are_refused(edit: dict[str, object]):
    with pytest.raises(SeqwrightError, match="symbols"):
        vary(Copy(), edit)
