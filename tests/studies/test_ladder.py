from __future__ import annotations

from dataclasses import replace

import pytest

from seqwright.core.model import build
from seqwright.core.spec import diff, vary
from seqwright.studies.cell import train_cell
from seqwright.studies.ladder.rungs import PADDING, paper_cells
from seqwright.training.objective import CrossEntropy
from tests.studies.test_study import timeless

CELLS = {cell.key: cell for cell in paper_cells()}


def test_the_ladder_has_the_papers_cells_and_the_controls():
    assert set(CELLS) == {
        "plain.paper.copies", "plain.no-norm.copies",
        "plain.scalar-width-2.copies", "plain.scalar-width-4.copies", "plain.scalar-width-8.copies",
        "token.paper.three-to-one", "token.paper.one-to-three", "token.paper.copies",
        "masked.paper.one-to-three", "masked.paper.alternating", "positions.paper.alternating",
        "padding.paper.eight", "padding.paper.eight-inverted", "padding.no-causal-mask.eight",
        "padding.no-positions.eight", "padding.no-padding-masks.eight", "padding.pad-in-loss.eight",
        "padding.embedding-width-1.eight",
    }  # fmt: skip


def test_each_control_changes_one_thing():
    changed = {key: diff(PADDING, cell.spec) for key, cell in CELLS.items() if cell.base == "padding"}
    assert changed["padding.no-causal-mask.eight"] == {"decoder.blocks.mixer.mask": ("CausalMask", "NoMask")}
    assert changed["padding.no-padding-masks.eight"] == {"padding": ("MaskedPadding", "OrdinaryPadding")}
    assert changed["padding.pad-in-loss.eight"] == {"head.outputs": (4, 5)}
    assert changed["padding.embedding-width-1.eight"] == {"width": (8, 1)}
    assert {path: after for path, (_, after) in changed["padding.no-positions.eight"].items()} == {
        "encoder.position": "NoPosition", "encoder.position.base": None,
        "decoder.position": "NoPosition", "decoder.position.base": None,
    }  # fmt: skip
    assert CELLS["padding.no-positions.eight"].spec.encoder.embedding_dropout == 0.1
    assert CELLS["padding.pad-in-loss.eight"].training.objective == CrossEntropy()


def test_copies_are_rows_of_their_own():
    assert {key: len(cell.data.train) for key, cell in CELLS.items() if cell.variant == "paper"} == {
        "plain.paper.copies": 100, "token.paper.three-to-one": 100, "token.paper.one-to-three": 100,
        "token.paper.copies": 100, "masked.paper.one-to-three": 100, "masked.paper.alternating": 100,
        "positions.paper.alternating": 100, "padding.paper.eight": 200, "padding.paper.eight-inverted": 200,
    }  # fmt: skip


@pytest.mark.slow
def test_the_first_rung_fails_for_its_norm_and_not_for_want_of_an_embedding():
    """The finding that the report rests on, whole: 300 epochs, 8 seeds."""

    def learnt(variant: str) -> int:
        return train_cell(CELLS[f"plain.{variant}.copies"], tuple(range(8))).rows[0].count("learnt")

    assert learnt("paper") == 0
    assert learnt("no-norm") == 8
    assert learnt("scalar-width-8") == 8


def test_a_cell_run_twice_is_the_same():
    cell = CELLS["plain.paper.copies"]
    short = replace(cell, training=vary(cell.training, {"steps": 30}))
    one, two = (timeless(train_cell(short, (0, 1))) for _ in range(2))
    assert one == two


def test_parameters_are_counted():
    assert sum(p.numel() for p in build(CELLS["padding.pad-in-loss.eight"].spec).parameters()) == 1349
