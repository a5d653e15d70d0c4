"""The pages of a run: whatever was measured, and whatever the symbols are."""

from __future__ import annotations

import re
from math import inf, nan
from time import process_time
from typing import Any

import msgspec
import numpy as np
import pytest

from seqwright.evaluation.measures import AnsweredRow, measure
from seqwright.report.evaluation import confusion_map, evaluation_page
from seqwright.report.lines import ChartLine, Strip, strips
from seqwright.report.page import Page
from seqwright.report.runs import best_evaluation, curves_page
from seqwright.report.symbols import side_by_side, visible
from tests.report.test_page import HOSTILE, Parsed, check_offline


def steps(count: int, every: int = 10) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for step in range(1, count + 1):
        lines.append({"step": step, "epoch": step / 4, "loss": 3 / step, "rate": 1e-3 / step, "seconds": step * 0.5})
        if step % every == 0:
            lines.append(
                {"step": step, "dev_loss": 1 + abs(step - 20) / 100, "dev_exact_match": 0.5 - abs(step - 20) / 1000}
            )
    return lines


def curves(lines: list[dict[str, Any]], **more: Any) -> Page:
    return curves_page(lines, title="t", settings={"training.rate": 3e-4, "model.position": None}, **more)


def drawn(page: Page) -> str:
    return "".join(chart.svg for chart in page.charts())


def test_a_runs_page_says_what_its_lines_say():
    page = curves(
        steps(40), data=[("train", "800 rows")], facts=[("made by", "seqwright train x")], notes=["Mind this."]
    )
    seen = check_offline(page.html())
    assert "The weights of step 20 of 40 are kept: exact match 0.50 and loss 1.00." in seen.text.replace("dev ", "")
    for told in ("Mind this.", "800 rows", "seqwright train x", "training.rate", "0.0003", "1.0000"):
        assert told in seen.text
    assert dict(page.facts) == {"steps": "40", "epochs": "10.0", "minutes": "0.3", "made by": "seqwright train x"}
    for axis in ("loss (nats a token)", "dev exact match", "rate"):
        assert axis in drawn(page)


def test_no_line_yet_and_only_steps_or_only_evaluations():
    assert "No step has been made yet." in check_offline(curves([]).html()).text
    assert "3 steps so far, and no evaluation yet." in check_offline(curves(steps(3)).html()).text
    alone = curves([{"step": 5, "dev_loss": 1.0}])
    assert "dev exact match" not in drawn(alone)
    assert "loss (nats a token)" in drawn(alone)


@pytest.mark.parametrize("bad", [None, nan, inf])
def test_losses_that_are_no_numbers_are_told_and_left_out(bad: float | None):
    lines = steps(30)
    lines[6]["loss"] = lines[8]["loss"] = bad
    lines.append({"step": 30, "dev_loss": bad, "dev_exact_match": None})
    page = curves(lines)
    assert "The training loss was not a number at step 7 and at 1 later step." in page.summary
    assert "NaN" not in drawn(page)
    assert "The weights of step 20" in page.summary[0]
    every = [{"step": step, "loss": bad} for step in range(3)]
    assert "nothing to draw" in curves(every).html()


def test_the_evaluation_whose_weights_are_kept_is_marked():
    def badges(page: Page) -> list[str]:
        return re.findall(r'<td class="number">([\d,]+)</td>(?:(?!</tr>).)*<span class="good">kept', page.html(), re.S)

    assert badges(curves(steps(40))) == ["20"]
    assert badges(curves(steps(40), best_step=30)) == ["30"]
    assert badges(curves(steps(4000), best_step=1230)) == ["1,230"]  # of 400 evaluations few are in the table
    assert "step 30, whose weights are kept" in curves(steps(40), best_step=30).html()


def test_exact_match_comes_before_loss_and_the_first_of_equals_wins():
    lines = [
        {"step": 1, "dev_loss": 0.1, "dev_exact_match": 0.2},
        {"step": 2, "dev_loss": 0.9, "dev_exact_match": 0.3},
        {"step": 3, "dev_loss": 0.9, "dev_exact_match": 0.3},
        {"step": 4, "dev_loss": nan, "dev_exact_match": None},
    ]
    assert best_evaluation(lines) == lines[1]
    assert best_evaluation(lines[:0]) is None
    assert best_evaluation(lines, 4) == lines[3]
    assert best_evaluation(lines, 7) == {"step": 7}


def test_a_hundred_thousand_steps_are_thinned_and_drawn_at_once():
    lines = steps(100_000, every=100)
    curves(steps(5))  # what is loaded at the first chart
    before = process_time()
    html = curves(lines).html()
    assert process_time() - before < 4  # 1 s on a quiet machine
    assert len(html) < 300_000


def test_thinning_keeps_the_ends_and_every_spike():
    values = np.random.default_rng(0).random(10_000)
    values[[777, 5000]] = 9, -9
    line = ChartLine("loss", np.arange(10_000) * 2, values).thinned(100)
    assert len(line.steps) <= 100
    assert {0, 2 * 777, 2 * 5000, 2 * 9999} <= set(line.steps.tolist())
    assert (np.diff(line.steps) > 0).all()


def test_smoothing_is_a_mean_of_what_is_around():
    values = np.random.default_rng(0).random(50)
    smooth = ChartLine("loss", np.arange(50), values).smoothed("mean", 7).values
    assert smooth[20] == pytest.approx(values[17:24].mean())
    assert smooth[0] == pytest.approx(values[:4].mean())
    assert smooth[-1] == pytest.approx(values[-4:].mean())


def test_a_name_that_is_markup_is_text_in_a_chart():
    line = ChartLine(HOSTILE, np.arange(3), np.array([1.0, 2.0, 3.0]))
    other = ChartLine("b", np.arange(3), np.array([0.0, 2.0, 3.0]), "dashed")
    svg = strips("s", HOSTILE, [Strip(HOSTILE, [line, other])], best=1).svg
    assert "<img" not in svg
    assert "&lt;img" in svg


def evaluated(*rows: AnsweredRow, **more: Any) -> Page:
    return evaluation_page(msgspec.to_builtins(measure(rows, draws=100, **more)), title="t", facts=[("file", "x")])


HARD = ["<script>", "</script>", "&", '"', " ", "\n", "\x00", "\u0303", "∅", "x" * 300]


def test_any_symbol_stands_on_the_page_as_text():
    rows = [AnsweredRow((symbol, "a", str(n)), (symbol, "b"), ("b", symbol, "c")) for n, symbol in enumerate(HARD)]
    rows += [AnsweredRow(("q",), ("a", "b"), ("c", "b")), AnsweredRow((HOSTILE,), (HOSTILE,), ())]
    page = evaluated(*rows, also=("bleu", "chrf"))
    seen = check_offline(page.html())
    assert "<script>" in seen.text
    assert "x" * 300 not in re.sub(r"<h4>.*?</h4>", "", page.html())
    assert "\x00" not in page.html()


def test_an_evaluations_page_says_what_was_measured():
    rows = [
        AnsweredRow(tuple(f"{n:03}" + "x" * (n % 9)), ("a", "b"), ("a", "b" if n % 4 else "c"), 1.0, 3, 2)
        for n in range(60)
    ]
    page = evaluated(*rows, also=("chrf",))
    text = check_offline(page.html()).text
    assert page.summary[0].startswith("45 of 60 sources are answered exactly: 0.75, 95 % interval 0.")
    for told in ("WER", "0.2500", "PER", "0.1250", "perplexity", "1.3956", "chrF", "nc:6"):
        assert told in text
    assert "BLEU" not in text
    assert [section.title for section in page.sections][1:] == [
        "By source length",
        "Confused symbols",
        "The worst answers",
    ]
    assert 'aria-label="Heat map of confusions: c for b 15 times"' in page.html()


def test_one_row_and_a_perfect_file():
    one = evaluated(AnsweredRow(("a",), ("b",), ("b",)))
    assert [section.title for section in one.sections] == ["Measures"]
    assert one.summary == ("1 of 1 source is answered exactly: 1.00.",)
    wrong = evaluated(AnsweredRow(("a",), ("b",), ()), AnsweredRow(("a",), ("c",), ()))
    assert wrong.summary[0].startswith("0 of 1 source in 2 rows are answered exactly")
    assert "the worst answers" in wrong.html().lower()


def test_only_the_symbols_that_differ_are_marked_and_both_lines_are_equally_wide():
    card = side_by_side("s", [("a", "a"), ("b", "xyz"), ("c", ""), ("d", "d")], "note")
    wanted, said = card.lines
    assert [(piece.text, piece.look) for piece in wanted[1:]] == [
        ("a", ""),
        ("b\xa0\xa0\xa0c", "good"),
        ("d", ""),
    ]
    assert [(piece.text, piece.look) for piece in said[1:]] == [("a", ""), ("xyz\xa0∅", "bad"), ("d", "")]


def test_an_endless_answer_is_cut_off():
    card = side_by_side("s", [("", "a")] * 1000, "999 edits")
    assert len(card.lines) == 12
    assert card.note == "999 edits; 904 more symbols are not shown"


def test_the_map_of_confusions_has_no_empty_row_or_column():
    confusion = [{"gold": f"g{n}", "predicted": f"s{n % 40}", "count": 900 - n, "of": 1000} for n in range(50)]
    chart = confusion_map(confusion)
    assert len(re.findall(r">g\d+<", chart.svg)) == len(re.findall(r">s\d+<", chart.svg)) == 12


def test_symbols_can_be_seen():
    assert [visible(symbol) for symbol in ("", " ", "\t", "\u0303", "a\u0303", "x" * 30)] == [
        "∅", "␣", "\\t", "◌\u0303", "a\u0303", "x" * 23 + "…",
    ]  # fmt: skip
    assert Parsed(evaluated(AnsweredRow(("a",), (" ",), ("\n",))).html()).text.count("␣") >= 2
