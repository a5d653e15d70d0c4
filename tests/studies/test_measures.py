from __future__ import annotations

import pytest

from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.studies.measures import GradientReach
from seqwright.studies.study import WHOLE, cell
from tests.studies.test_inquiries import COPY


def _reach(edits: dict[str, object], length: int) -> list[float]:
    made = cell(COPY, WHOLE)
    data = made.data.drawn()
    pairs = [pair for pair in data.train if len(pair.source) == length][:8]
    return GradientReach().of(build(vary(made.spec, edits), seed=1).eval(), data.coder, pairs)


def test_the_shares_of_a_source_are_a_whole():
    shares = _reach({}, 4)
    assert len(shares) == 6  # between its marks
    assert sum(shares) == pytest.approx(1)
    assert all(share > 0 for share in shares)


def test_where_the_source_is_not_heard_nothing_reaches_it():
    assert _reach({"decoder.blocks.cross": None}, 3) == [0.0] * 5
