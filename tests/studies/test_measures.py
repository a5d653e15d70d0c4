from __future__ import annotations

import pytest

from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.studies.measures import GradientReach
from seqwright.studies.study import cell
from seqwright.studies.table import WHOLE
from tests.studies.test_questions import COPY


def _reach(edits: dict[str, object], length: int) -> list[float]:
    made = cell(COPY, WHOLE)
    data = made.data.drawn()
    pairs = [pair for pair in data.train if len(pair.source) == length][:8]
    return list(GradientReach().of(build(vary(made.spec, edits), seed=1).eval(), data.coder, pairs).values())


def test_the_shares_of_a_source_are_a_whole():
    shares = _reach({}, 4)
    assert len(shares) == 6  # between its marks
    assert sum(shares) == pytest.approx(1)
    assert all(share > 0 for share in shares)


def test_without_cross_attention_no_gradient_reaches_the_source():
    assert _reach({"decoder.blocks.cross": None}, 3) == [0.0] * 5
