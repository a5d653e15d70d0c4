"""Two studies side by side."""

from __future__ import annotations

from math import inf
from pathlib import Path

import msgspec
import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.studies.cell import train_cell
from seqwright.studies.compare import compare, page, read_result
from seqwright.studies.results import StudyResult
from seqwright.studies.study import cell
from seqwright.studies.table import WHOLE, Measurement, ResultTable
from tests.report.test_page import check_offline
from tests.studies.test_questions import COPY, REVERSE


def _result(tables: list[ResultTable]) -> StudyResult:
    return StudyResult(study="parts", seeds=2, table=ResultTable.joined(tables), effects=[], claims=[], notes=[])


@pytest.fixture(scope="module")
def tables() -> list[ResultTable]:
    cells = [cell(COPY, WHOLE), cell(COPY, "wild", training={"rate": 1e30, "clip": None}), cell(REVERSE, WHOLE)]
    return [train_cell(one, (0, 1)) for one in cells]


def test_a_result_is_read_back_as_it_was_though_a_loss_was_infinite(tmp_path: Path, tables: list[ResultTable]):
    diverged = Measurement(base=WHOLE, variant="wild", task="copy", seed=0, measure="train loss", group="", value=None)
    wild = msgspec.structs.replace(tables[1], measurements=[diverged, *tables[1].measurements])
    result = _result([tables[0], wild])
    assert result.table.cell("copy", "wild").train_loss.high == inf
    (tmp_path / "results.json").write_text(result.to_json())
    assert read_result(tmp_path) == result


def test_the_same_cells_stand_side_by_side_and_the_others_are_named(tables: list[ResultTable]):
    first, second = _result(tables[:2]), _result([tables[0], tables[2]])
    found = compare(first, second, ("a", "b"))
    assert [each.part for each in found.effects] == ["copy: whole"]
    assert found.effects[0].worth.median == 0
    assert (found.only_first, found.only_second) == (["copy: wild"], ["reverse: whole"])
    shown = check_offline(page(found, first, second).html())
    assert "1 cell in common" in shown.text


def test_the_models_differences_are_shown(tables: list[ResultTable]):
    other = cell(COPY, WHOLE, {"decoder.layers": 1})
    found = compare(one := _result(tables[:1]), two := _result([train_cell(other, (0, 1))]), ("a", "b"))
    assert "decoder.layers" in check_offline(page(found, one, two).html()).text


def test_what_is_no_study_is_refused(tmp_path: Path, tables: list[ResultTable]):
    with pytest.raises(SeqwrightError, match="no finished study"):
        read_result(tmp_path)
    for content in ("{", "{}", '{"study": "ladder", "rungs": []}', "\x00"):
        (tmp_path / "results.json").write_text(content)
        with pytest.raises(SeqwrightError, match="no result of a study"):
            read_result(tmp_path)
