"""A page is one file that loads nothing, and all its content is escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path

import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report import charts
from seqwright.report.page import Card, Cards, Chart, Figure, Heading, Page, Prose, Section, Table, Terms, Text
from seqwright.studies.ladder.report import page
from seqwright.studies.ladder.rungs import paper_cells
from seqwright.studies.results import Claim, StudyResult
from seqwright.studies.table import (
    ALONE,
    ANSWERED,
    EVAL_LOSS,
    EXACT_MATCH,
    LEARNT_AT,
    LOSS_CURVE,
    PARAMETERS,
    SECONDS,
    SIGNATURE,
    TRAIN_LOSS,
    GeneratedAnswer,
    ResultTable,
    TrainedCell,
)

HOSTILE = "</script><img src=x onerror=alert(1)> & \"'"


class Parsed(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def check_offline(html: str) -> Parsed:
    """Check that a page has no script, loads nothing and has its policy."""
    parsed = Parsed(html)
    assert not parsed.tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in parsed.attributes
    assert not re.findall(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", html))
    assert all(value.startswith("#") for name, value in parsed.attributes if name in ("href", "src", "xlink:href"))
    assert "@import" not in html
    return parsed


def trained(
    rung: str, variant: str, task: str, *, loss: float = 0.5, match: float = 1.0, seeds: int = 1, answers: int = 1
) -> ResultTable:
    """Return the table of one cell, its spec taken from the ladder."""
    spec = next(cell.spec for cell in paper_cells() if (cell.base, cell.variant) == (rung, variant))
    cell = TrainedCell(base=rung, variant=variant, task=task, spec=spec, notes=[])
    values = {
        (TRAIN_LOSS, ""): loss, (EVAL_LOSS, ""): loss, (EXACT_MATCH, ""): match, (ALONE, ""): match / 2,
        (LOSS_CURVE, "1"): loss, (LOSS_CURVE, "2"): nan, (LEARNT_AT, ""): None,
        (SIGNATURE, "learnt"): float(match == 1), (SIGNATURE, "never-stops"): 1.0, (SECONDS, ""): 1.0,
    }  # fmt: skip
    shown = [
        GeneratedAnswer(
            base=rung, variant=variant, task=task, seed=0, source=HOSTILE if answers == 1 else f"{number:04}", target="&",
            predicted="<b>" * 20 if answers == 1 else "0000", right=False, stopped=answers == 1,
        )
        for number in range(answers if rung != "plain" else 0)
    ]  # fmt: skip
    records = cell.records(None, {(PARAMETERS, ""): 88.0, (ANSWERED, f"{HOSTILE}→&"): match})
    records += [record for seed in range(seeds) for record in cell.records(seed, values)]
    return ResultTable(cells=[cell], measurements=records, answers=shown)


def report(folder: Path, *tables: ResultTable, claims: list[Claim] | None = None, command: str = "c") -> Path:
    table = ResultTable(
        cells=[cell for one in tables for cell in one.cells],
        measurements=[record for one in tables for record in one.measurements],
        answers=[answer for one in tables for answer in one.answers],
    )
    seeds = table.rows[0].seeds
    result = StudyResult(study="ladder", seeds=seeds, table=table, effects=[], claims=claims or [], notes=[])
    return page(result, command).write(folder / "report.html")


def test_all_text_is_escaped() -> None:
    chart = charts.matrix("m", HOSTILE, [charts.Square(HOSTILE, "a&b", 0.5, "<i>", HOSTILE)], [HOSTILE], ["a&b"])
    parts = (
        Prose(HOSTILE),
        Heading(HOSTILE),
        Table((HOSTILE,), ((HOSTILE,), (Text(HOSTILE, "bad"),))),
        Terms(((HOSTILE, HOSTILE),)),
        Cards((Card(HOSTILE, ((Text(HOSTILE), Text(HOSTILE, "code")),), HOSTILE),)),
        Figure((chart,), HOSTILE),
    )
    parsed = check_offline(Page(HOSTILE, (HOSTILE,), ((HOSTILE, HOSTILE),), (Section(HOSTILE, parts),)).html())
    assert parsed.text.count(HOSTILE) >= 15


def test_charts_are_in_the_page_and_beside_it(tmp_path: Path) -> None:
    curve = charts.Curve(
        [1, 2], [MedianInterval(median=1, low=1, high=1), MedianInterval(median=0.1, low=0.05, high=0.2)]
    )
    drawn = (
        charts.curve("one", "a loss that falls", "title", curve, (0.01, 2), beside=curve),
        charts.dots(
            "two",
            "dots",
            [charts.Panel("loss", [charts.Dot("a", "s", MedianInterval(median=1, low=1, high=2))])],
            ["a"],
        ),
    )
    path = Page("t", (), (), (Section("s", (Figure(drawn, "c"),)),)).write(tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8").count("<svg") == 2
    for name in ("one", "two"):
        assert (path.parent / "charts" / f"{name}.svg").read_text(encoding="utf-8").startswith("<svg")


def test_charts_in_one_page_share_no_ids() -> None:
    chart = Chart("a", '<svg><clipPath id="clip0"/><g clip-path="url(#clip0)"/></svg>', "")
    assert chart.inline == '<svg><clipPath id="a-clip0"/><g clip-path="url(#a-clip0)"/></svg>'


def test_a_page_that_cannot_be_written_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SeqwrightError, match="report cannot be written"):
        Page("t", (), (), ()).write(tmp_path / "file" / "report.html")


@pytest.mark.parametrize("loss", [0.5, inf, nan, 0.0])
def test_the_ladders_report_renders_any_loss_and_any_symbol(tmp_path: Path, loss: float) -> None:
    claim = Claim(claim=HOSTILE, paper="&", measured="<1>", verdict="reproduced, other cause", evidence=HOSTILE)
    rows = (
        trained("plain", "paper", "copies", loss=loss, match=0.0),
        trained("plain", "no-norm", "copies", loss=loss),
        trained("padding", "paper", "eight", loss=loss),
        trained("padding", "no-causal-mask", "eight", loss=0.01, match=0.25),
    )
    path = report(tmp_path, *rows, claims=[claim], command=f"seqwright {HOSTILE}")
    parsed = check_offline(path.read_text(encoding="utf-8"))
    assert f"seqwright {HOSTILE}" in parsed.text
    assert "The cause is LayerNorm at width 1" in parsed.text
    assert "reproduced, other cause" in parsed.text
    assert "NaN" not in "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "charts").iterdir())


def test_the_sentences_follow_the_numbers(tmp_path: Path) -> None:
    """Where the control without LayerNorm fails too, the report states no cause."""
    rows = (trained("plain", "paper", "copies", match=0.0), trained("plain", "no-norm", "copies", match=0.0))
    text = Parsed(report(tmp_path, *rows).read_text(encoding="utf-8")).text
    assert "The cause is" not in text
    assert "No seeds answer every sequence on plain (copies)." in text


def test_one_cell_of_ones_own_data_without_claims(tmp_path: Path) -> None:
    path = report(tmp_path, trained("padding", "paper", HOSTILE, match=0.5, seeds=3))
    text = check_offline(path.read_text(encoding="utf-8")).text
    assert "not applicable: symbols are not scalars" in text
    assert "held-out rows" in text
    assert "Which parts this data needs" not in text  # there are no claims to show


def test_many_answers_are_cut_and_unending_ones_too(tmp_path: Path) -> None:
    many = trained("padding", "paper", "words", match=0.0, answers=50)
    text = Parsed(report(tmp_path, many).read_text(encoding="utf-8")).text
    assert "12 of 50 rows" in text
    assert "0011" in text
    assert "0000…" in text
    assert "0012" not in text
