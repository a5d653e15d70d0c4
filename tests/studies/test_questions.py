"""Every study, hardly trained: its cells are as described, and its results make a page."""

from __future__ import annotations

import sys
from itertools import product
from math import inf, isfinite

import pytest

from seqwright.cli.study import questions
from seqwright.core.errors import SeqwrightError
from seqwright.core.model import build
from seqwright.core.spec import diff, vary
from seqwright.data.batch import Pair
from seqwright.data.corpus import Corpus
from seqwright.nn.mask import CausalMask
from seqwright.nn.position import NoPosition
from seqwright.studies.cell import Cell, train_cell
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.questions.lengths import LengthStudy, breaks_at, further
from seqwright.studies.questions.noise import NoiseStudy
from seqwright.studies.questions.parts import ADDED, PARTS, SKELETON, PartStudy, skeleton
from seqwright.studies.questions.per_task import Mixture, PerTaskStudy, the_eight
from seqwright.studies.questions.positions import PositionStudy, position_edits
from seqwright.studies.questions.scale import fitted, power_law
from seqwright.studies.results import StudyResult
from seqwright.studies.study import Study, cell, studies
from seqwright.studies.table import (
    BEYOND,
    EVAL_LOSS,
    EXACT_MATCH,
    PARAMETERS,
    WHOLE,
    CellView,
    ResultTable,
    TrainedCell,
)
from seqwright.studies.task_source import DrawnRows, DrawnTask, FileTask
from seqwright.tasks.algorithmic import Copy, Histogram, Parity, Reverse, UniqueCopy
from tests.report.test_page import check_offline
from tests.studies.test_study import timeless

TINY = ModelScale(width=8, steps=2, batch=4, train=40, test=6, lengths=(2, 4))
COPY = DrawnTask(Copy(symbols=4), TINY)
REVERSE = DrawnTask(Reverse(symbols=4), TINY)


NAMES = sorted(set(studies()) - {"ladder"})


def _study(name: str, *, quick: bool = True) -> Study:
    return studies()[name].quick() if quick else studies()[name]()


def _table(cells: list[Cell], seeds: tuple[int, ...] = (0, 1)) -> ResultTable:
    return ResultTable.joined([train_cell(one, seeds) for one in cells])


def _result(study: Study, table: ResultTable) -> StudyResult:
    effects, claims = study.effects(table), study.claims(table)
    return StudyResult(study=study.name, seeds=2, table=table, effects=effects, claims=claims, notes=[])


def test_studies_are_listed_with_their_questions_without_being_imported(monkeypatch: pytest.MonkeyPatch):
    imported = questions()
    assert imported == {name: kind.question for name, kind in studies().items()}  # other tests' own among them
    own = {name for name, kind in studies().items() if kind.__module__.startswith("seqwright.")}
    monkeypatch.delitem(sys.modules, "seqwright.studies.study")
    assert questions() == {name: question for name, question in imported.items() if name in own}


SOME = {
    "parts": {WHOLE, "no-causal-mask", "no-padding-masks", SKELETON, f"{SKELETON}+residual"},
    "positions": {"absent", "learned", "randomised"},
    "lengths": {"absent", "rotary"},
    "noise": {"clean", "source-0.1", "target-0.1", "test-0.1"},
    "scale": {"width-4-depth-1", "width-8-depth-1", "width-4-depth-2"},
    "gradients": {WHOLE, "untrained", "no-residual"},
}
"""Of studies that have many variants, a few."""


@pytest.mark.parametrize("name", NAMES)
def test_every_study_runs_and_reads_as_a_page(name: str):
    study = _study(name)
    cells = study.cells([COPY, REVERSE] if name == "per-task" else [COPY])
    table = _table([one for one in cells if one.variant in SOME.get(name, {one.variant})])
    assert 3 <= len(table.rows) <= 6
    result = _result(study, table)
    shown = check_offline(study.page(result, f"seqwright study {name}").html())
    assert all(row.variant in shown.text for row in table.rows)
    assert "nan" not in shown.text
    assert all(-1 <= each.worth.low <= each.worth.median <= each.worth.high <= 1 for each in result.effects)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_no_two_cells_are_kept_in_one_file_and_every_model_can_be_built(name: str, quick: bool):
    study = _study(name, quick=quick)
    cells = study.cells([DrawnTask(task, study.scale) for task in study.tasks])
    assert len({one.key for one in cells}) == len(cells)
    for one in cells:
        build(one.spec)
        assert all(sign not in one.key for sign in " /\\")


def test_each_part_is_taken_from_the_whole_model_alone():
    whole = cell(COPY, WHOLE).spec
    found = {one.variant: one.spec for one in PartStudy().cells([COPY]) if one.base == WHOLE}
    assert set(found) == {WHOLE, *(f"no-{part.name}" for part in PARTS)}
    assert len({spec.to_json() for spec in found.values()}) == len(found)
    for part in PARTS:
        changed = diff(whole, found[f"no-{part.name}"])
        assert changed
        assert all(any(path == own or path.startswith(f"{own}.") for own in part.without) for path in changed)


def test_the_skeleton_has_no_part_and_each_is_added_alone():
    bare = vary(cell(COPY, WHOLE).spec, skeleton())
    found = {one.variant: one.spec for one in PartStudy().cells([COPY]) if one.base == SKELETON}
    assert found[SKELETON] == bare
    for part in ADDED:
        assert not diff(bare, vary(bare, part.without)) or part.name in ("norm", "residual")
        changed = diff(bare, found[f"{SKELETON}+{part.name}"])
        assert changed
        assert all(any(path == own or path.startswith(f"{own}.") for own in part.without) for path in changed)
    assert isinstance(found[f"{SKELETON}+causal-mask"].decoder.blocks.mixer.mask, CausalMask)
    assert isinstance(found[f"{SKELETON}+encoder-positions"].decoder.position, NoPosition)


def test_a_missing_part_is_noted_and_not_taken_out():
    thin = DrawnTask(Copy(symbols=4), vary(TINY, {"layers": 1, "heads": 1}))
    assert not {"no-depth", "no-heads"} & {one.variant for one in PartStudy().cells([thin])}
    notes = PartStudy().notes([thin])
    assert [note.split()[-6] for note in notes] == ["heads", "depth"]


def test_models_of_every_kind_of_position_hold_the_tested_lengths():
    cells = PositionStudy().cells([COPY])
    assert {one.variant for one in cells} == set(position_edits(9))
    for row in _table(cells, (0,)).rows:
        assert row.beyond is not None
        assert row.groups(BEYOND) == ["6", "8"]


def test_a_diverging_cell_is_recorded_and_harms_no_other():
    wild = cell(COPY, "wild", training={"rate": 1e30, "clip": None, "steps": 12})
    table = _table([cell(COPY, WHOLE), wild])
    assert [row.diverged for row in table.rows] == [0, 2]
    assert table.rows[1].train_loss.median == inf
    result = _result(PartStudy(), table)
    assert "2 training runs diverged" in check_offline(PartStudy().page(result, "study").html()).text


def test_seeds_are_paired_by_the_rows_they_see():
    one, other = (NoiseStudy().cells([COPY])[0] for _ in range(2))
    assert timeless(train_cell(one, (0, 1))) == timeless(train_cell(other, (0, 1)))


def _view(values: dict[tuple[str, str], list[float]], **fields: str) -> CellView:
    """Return a cell with some numbers, one for each seed."""
    named = {"base": WHOLE, "variant": WHOLE, "task": "copy"} | fields
    one = TrainedCell(**named, spec=cell(COPY, WHOLE).spec, notes=[])
    seeds = len(next(iter(values.values())))
    records = [
        record
        for seed in range(seeds)
        for record in one.records(
            seed, {key: numbers[seed] for key, numbers in values.items() if len(numbers) == seeds}
        )
    ]
    records += one.records(None, {key: numbers[0] for key, numbers in values.items() if len(numbers) < seeds})
    return ResultTable(cells=[one], measurements=records, answers=[]).rows[0]


def test_a_model_breaks_at_the_first_length_of_which_it_answers_less_than_half():
    exams = {"9": [1.0, 1.0], "10": [0.2, 0.9], "8": [1.0, 0.5], "12": [0.0, 1.0]}
    row = _view({(EXACT_MATCH, ""): [1.0, 1.0], **{(BEYOND, exam): matches for exam, matches in exams.items()}})
    assert breaks_at(row) == [10, inf]


def test_lengths_reach_twice_the_training_and_beyond():
    for longest in (4, 8, 16, 32, 64):
        assert 2 * longest in further(longest)
        assert max(further(longest)) > 2 * longest
        assert min(further(longest)) > longest


def test_a_power_law_is_found_with_its_uncertainty():
    sizes = [100, 1000, 10_000, 100_000]
    noise = [0.9, 1.0, 1.1, 1.2, 0.8]
    rows = [
        _view({(EVAL_LOSS, ""): [5 * size**-0.5 * each for each in noise], (PARAMETERS, ""): [float(size)]})
        for size in sizes
    ]
    (factor, exponent, explained), interval = fitted(rows)
    assert (factor, exponent) == (pytest.approx(5), pytest.approx(0.5))
    assert explained == pytest.approx(1)
    assert interval is not None
    assert interval[0] < 0.5 < interval[1]
    assert interval[1] - interval[0] < 0.1
    assert isfinite(power_law(*map(_array, ([1, 2, 3], [1, 1, 1])))[1])


def _array(values: list[float]):
    import numpy as np

    return np.array(values, dtype=float)


def test_a_mixture_has_the_rows_of_all_and_an_exam_for_each():
    parts = (COPY.rows(), REVERSE.rows())
    both = Mixture(parts, ("copy", "reverse"), "all").drawn()
    alone = Mixture(parts, ("reverse",), "reverse").drawn()
    assert [exam.name for exam in both.exams] == ["copy", "reverse"]
    assert {pair.source[0] for pair in both.train} == {"<copy>", "<reverse>"}
    assert {pair.source[0] for pair in alone.train} == {"<reverse>"}
    assert both.coder == alone.coder  # models of one size
    with pytest.raises(SeqwrightError, match="no mixture"):
        PerTaskStudy().cells([COPY])


def test_the_eight_are_tested_one_by_one():
    mixed, *alone = the_eight()
    data = mixed.data.drawn()
    assert len(data.train) == 200
    assert [len(exam.pairs) for exam in data.exams] == [1] * 8
    assert [one.data.name for one in alone] == [exam.name for exam in data.exams]


SIDES = ["".join(word) for length in (2, 3) for word in product("abcdef", repeat=length)]
PAIRS = [Pair.of(word, word[::-1]) for word in SIDES]


def test_a_files_rows_are_held_out_and_cut_by_length():
    subject = FileTask(Corpus.of(PAIRS), vary(TINY, {"test": 40}))
    data = subject.rows(max_length=2, beyond=(3,)).drawn()
    asked = {pair.source for pair in (*data.pairs(beyond=False), *data.pairs(beyond=True))}
    assert asked.isdisjoint(pair.source for pair in data.train)
    assert {len(pair.source) for pair in data.train} == {2}
    assert {len(pair.source) for pair in data.pairs(beyond=True)} == {3}
    with pytest.raises(SeqwrightError, match="no row"):
        subject.rows(max_length=1)


@pytest.mark.parametrize("name", ["parts", "positions", "noise", "batching", "gradients", "scale"])
def test_studies_can_be_made_on_a_file(name: str):
    cells = _study(name).cells([FileTask(Corpus.of(PAIRS), TINY)])
    table = _table(cells[:2], (0,))
    assert len(cells) > 2
    assert all(0 <= row.exact_match.median <= 1 for row in table.rows)


def test_noise_is_only_where_its_name_says():
    cells = {one.variant: one.data.drawn() for one in NoiseStudy().cells([COPY])}
    clean = cells["clean"]
    for kind in ("source", "target", "test"):
        noisy = cells[f"{kind}-0.4"]
        sides = (
            [pair.source for pair in noisy.train] != [pair.source for pair in clean.train],
            [pair.target for pair in noisy.train] != [pair.target for pair in clean.train],
            {pair.source for pair in noisy.pairs(beyond=False)} != {pair.source for pair in clean.pairs(beyond=False)},
        )
        assert sides == (kind == "source", kind == "target", kind == "test")


def test_the_vocabulary_of_a_task_is_what_its_rows_are_written_in():
    for task in (Copy(symbols=3), Histogram(), Parity()):
        rows = DrawnTask(task, TINY).rows(beyond=(7,))
        assert isinstance(rows, DrawnRows)
        data = rows.drawn()
        data.coder.batch([*data.train, *data.pairs(beyond=True)])
        assert max(len(pair.source) for pair in data.pairs(beyond=True)) + 2 <= rows.max_length


def test_a_training_without_rows_is_left_out_and_noted():
    file = FileTask(Corpus.of([Pair.of(word * 3, word) for word in SIDES]), vary(TINY, {"test": 40}))  # 6 and 9 long
    assert {one.base for one in LengthStudy().cells([file])} == {"to-8", "to-16"}
    assert [note.partition("up to ")[2] for note in LengthStudy().notes([file])] == ["4, 32 and 64 symbols"]
    few = DrawnTask(UniqueCopy(symbols=7), TINY)
    assert set(LengthStudy().trainings(few)) == {4, 8}
    long = FileTask(Corpus.of([Pair.of(word * 40, word) for word in SIDES]), TINY)
    with pytest.raises(SeqwrightError, match="no row has a source of at most 64"):
        LengthStudy().cells([long])


def test_lengths_that_a_task_has_none_of_are_left_out():
    few = DrawnTask(UniqueCopy(symbols=5), TINY).rows(max_length=4, beyond=(5, 6, 8))
    assert (few.dataset.lengths, few.dataset.beyond) == ((2, 4), (5,))
    assert few.drawn().exams
