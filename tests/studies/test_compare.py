"""Two studies side by side."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.studies.cell import train_cell
from seqwright.studies.compare import compare, page, read_result
from seqwright.studies.experiment import Row, gather
from seqwright.studies.study import WHOLE, StudyResult, cell
from tests.report.test_page import check_offline
from tests.studies.test_inquiries import COPY, REVERSE


def _result(rows: list[Row]) -> StudyResult:
    return StudyResult(study="parts", seeds=2, seconds=1.0, rows=rows, effects=[], claims=[], notes=[])


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    cells = [cell(COPY, WHOLE), cell(COPY, "wild", training={"rate": 1e30, "clip": None}), cell(REVERSE, WHOLE)]
    return [gather(one, [train_cell(one, (0, 1))]) for one in cells]


def test_a_result_is_read_back_as_it_was_though_a_loss_was_infinite(tmp_path: Path, rows: list[Row]):
    wild = rows[1]
    endless = type(wild)(**{name: getattr(wild, name) for name in wild.__struct_fields__ if name not in ("losses", "train_loss")},
                         losses=[inf, inf], train_loss=type(wild.train_loss)(median=inf, low=1.0, high=inf))  # fmt: skip
    result = _result([rows[0], endless])
    (tmp_path / "results.json").write_text(result.to_json())
    assert read_result(tmp_path) == result


def test_the_same_cells_stand_side_by_side_and_the_others_are_named(rows: list[Row]):
    first, second = _result(rows[:2]), _result([rows[0], rows[2]])
    found = compare(first, second, ("a", "b"))
    assert [each.part for each in found.effects] == ["copy: whole"]
    assert found.effects[0].worth.median == 0
    assert (found.only_first, found.only_second) == (["copy: wild"], ["reverse: whole"])
    shown = check_offline(page(found, first, second).html())
    assert "1 cell in common" in shown.text


def test_the_models_differences_are_shown(rows: list[Row]):
    other = cell(COPY, WHOLE, {"decoder.layers": 1})
    found = compare(one := _result(rows[:1]), two := _result([gather(other, [train_cell(other, (0, 1))])]), ("a", "b"))
    assert "decoder.layers" in check_offline(page(found, one, two).html()).text


def test_what_is_no_study_is_refused(tmp_path: Path, rows: list[Row]):
    with pytest.raises(SeqwrightError, match="no finished study"):
        read_result(tmp_path)
    for content in ("{", "{}", '{"study": "ladder", "rungs": []}', "\x00"):
        (tmp_path / "results.json").write_text(content)
        with pytest.raises(SeqwrightError, match="no result of a study"):
            read_result(tmp_path)
