from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from seqwright.evaluation import bootstrap
from seqwright.evaluation.bootstrap import ends, interval, ratios, resampled


@pytest.mark.parametrize(("rows", "p"), [(200, 0.5), (1000, 0.1), (5000, 0.9)])
def test_a_rates_interval_is_the_binomials(rows: int, p: float):
    """A redrawn count of ones is Binomial(n, p̂) exactly, so its quantiles are known."""
    ones = np.arange(rows) < rows * p
    low, high = interval(ones.astype(int), np.ones(rows), draws=4000) or (0, 0)
    off = 0.12 * (p * (1 - p) / rows) ** 0.5 + 1.001 / rows  # what 4000 draws leave open, and one row
    assert low == pytest.approx(binom.ppf(0.025, rows, p) / rows, abs=off)
    assert high == pytest.approx(binom.ppf(0.975, rows, p) / rows, abs=off)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        lengths = generator.integers(1, 12, 150)
        edits = generator.binomial(lengths, 0.2)
        low, high = interval(edits, lengths, draws=300, seed=seed) or (1, 0)
        covered += low <= 0.2 <= high
    assert 0.90 <= covered / 300 <= 0.99


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=2, max_size=60), st.integers(0, 5))
def test_the_interval_holds_the_ratio_and_is_the_same_again(rows: list[tuple[int, int]], seed: int):
    above, below = np.array(rows).T
    found = interval(above, below, draws=400, seed=seed)
    assert found is not None
    assert found[0] - 1e-12 <= above.sum() / below.sum() <= found[1] + 1e-12
    assert found == interval(above, below, draws=400, seed=seed)


def test_rows_are_drawn_whole():
    """Two columns that are the same in every row have the same sum in every draw; one of ones sums to the rows."""
    values = np.random.default_rng(0).random(50)
    sums = resampled(np.stack([values, values, np.ones(50)], axis=1), draws=200)
    np.testing.assert_allclose(sums[:, 0], sums[:, 1])
    np.testing.assert_array_equal(sums[:, 2], 50)
    assert len(np.unique(sums[:, 0])) > 190


def test_portions_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch):
    table = np.random.default_rng(0).random((40, 2))
    whole = resampled(table, draws=100)
    monkeypatch.setattr(bootstrap, "AT_ONCE", 40 * 7)
    np.testing.assert_allclose(resampled(table, draws=100), whole)


def test_memory_is_flat():
    table = np.ones((100_000, 2))
    tracemalloc.start()
    resampled(table, draws=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12e6  # all 20 draws at once would be 16 MB in indices alone


def test_where_nothing_can_be_said():
    assert interval(np.array([1]), np.array([1])) is None
    assert interval(np.array([]), np.array([])) is None
    assert interval(np.array([0, 3]), np.array([0, 0])) is None
    assert interval(np.array([1.0, np.nan]), np.ones(2)) is None
    assert ends(np.array([1.0, np.inf])) is None


def test_draws_without_a_denominator_are_left_out():
    assert interval(np.array([1, 0, 0]), np.array([2, 0, 0])) == (0.5, 0.5)
    assert np.isnan(ratios(np.zeros(1), np.zeros(1))).all()


def test_rows_that_all_say_the_same_have_no_width():
    assert interval(np.ones(9), np.ones(9)) == (1.0, 1.0)


def test_the_ratio_can_be_read_otherwise():
    nats = np.array([1.0, 2.0, 3.0])
    plain, read = interval(nats, np.ones(3)), interval(nats, np.ones(3), transform=np.exp)
    assert plain is not None
    assert read is not None
    assert read == pytest.approx(tuple(np.exp(plain)), rel=0.05)
