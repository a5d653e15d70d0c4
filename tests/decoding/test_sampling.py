from __future__ import annotations

from collections import Counter

import pytest
import torch
from scipy.stats import chi2, kstest

from seqwright.core.errors import SeqwrightError
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.sampling import Sampling, uniform
from tests.decoding.exhaustive import every_answer
from tests.decoding.small import ABC, SYMBOLS, request_for, small_model, sources

DRAWS = 10_000


def test_answers_are_as_frequent_as_they_are_probable():
    """χ² over whole answers; those expected fewer than five times are counted together."""
    model, source = small_model(1, sharpness=1.0), sources(["aab"])
    request = request_for(source.select(torch.zeros(DRAWS, dtype=torch.long)), 4, seed=5)
    drawn = [row[0] for row in Sampling().decode(model, request)]
    seen = Counter(answer.ids for answer in drawn)
    wanted = every_answer(model, source, [ABC.start], symbols=SYMBOLS, end=ABC.end, limit=4)
    exact = {answer.ids: torch.tensor(answer.log_probability).exp().item() for answer in wanted}
    assert sum(exact.values()) == pytest.approx(1, abs=1e-6)
    common = [ids for ids, p in exact.items() if p * DRAWS >= 5]
    assert len(common) > 20
    counts = [(seen[ids], exact[ids] * DRAWS) for ids in common]
    counts.append((DRAWS - sum(count for count, _ in counts), DRAWS - sum(mean for _, mean in counts)))
    statistic = sum((count - mean) ** 2 / mean for count, mean in counts)
    assert 1e-4 < chi2.sf(statistic, len(counts) - 1) < 1 - 1e-4
    for answer in drawn[:50]:  # the model's own probability
        assert answer.log_probability == pytest.approx(torch.tensor(exact[answer.ids]).log().item(), abs=1e-5)


def test_streams_are_uniform_and_do_not_resemble_one_another():
    seeds = torch.cat([torch.arange(50), torch.randint(2**62, (50,), generator=torch.Generator().manual_seed(0))])
    drawn = torch.stack([uniform(seeds, step) for step in range(400)], 1)  # [100 400]
    assert bool(((drawn >= 0) & (drawn < 1)).all())
    assert kstest(drawn.flatten().numpy(), "uniform").pvalue > 1e-4
    for table in (drawn, drawn.mT):
        correlation = torch.corrcoef(table).triu(1)
        assert correlation.abs().max() < 6 / table.shape[1] ** 0.5
    assert drawn.unique().numel() == drawn.numel()


def test_splitmix_is_splitmix():
    """The first outputs for the seed 1234567, as reference implementations print them, shortened to 52 bits."""
    wanted = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    seed = torch.tensor([1234567])
    assert [uniform(seed, step).item() for step in range(3)] == [(z >> 12) * 2.0**-52 for z in wanted]


P = [0.30, 0.05, 0.25, 0.20, 0.12, 0.08]


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        (Sampling(), {0, 1, 2, 3, 4, 5}),
        (Sampling(top_k=2), {0, 2}),
        (Sampling(top_k=100), {0, 1, 2, 3, 4, 5}),
        (Sampling(top_p=0.01), {0}),
        (Sampling(top_p=0.54), {0, 2}),
        (Sampling(top_p=0.56), {0, 2, 3}),
        (Sampling(top_p=1.0), {0, 1, 2, 3, 4, 5}),
        (Sampling(min_p=0.39), {0, 2, 3, 4}),
        (Sampling(min_p=0.41), {0, 2, 3}),
        (Sampling(min_p=1.0), {0}),
        (Sampling(top_k=3, top_p=0.7), {0, 2}),  # 0.3 + 0.25 of 0.75 is 0.73
        (Sampling(top_k=3, top_p=0.8, min_p=0.7), {0, 2}),
        (Sampling(temperature=0.5, top_p=0.7), {0, 2}),  # squared, the first two have 0.152 of 0.217
    ],
)
def test_exactly_the_kept_symbols_are_drawn_in_proportion(spec: Sampling, kept: set[int]):
    p = torch.tensor([P, P[::-1]], dtype=torch.double)
    found = spec.probabilities(p.log() + 3)
    assert set(found[0].nonzero()[:, 0].tolist()) == kept
    sharpened = p[0] ** (1 / spec.temperature)
    wanted = torch.zeros(6, dtype=torch.double)
    wanted[sorted(kept)] = sharpened[sorted(kept)] / sharpened[sorted(kept)].sum()
    torch.testing.assert_close(found[0], wanted)
    torch.testing.assert_close(found[1], wanted.flip(0))


def test_of_equally_likely_symbols_exactly_k_are_kept():
    assert Sampling(top_k=2).probabilities(torch.zeros(1, 4)).tolist() == [[0.5, 0.5, 0.0, 0.0]]


@pytest.mark.parametrize(
    "spec", [Sampling(temperature=1e-6), Sampling(top_k=1), Sampling(top_p=1e-9), Sampling(min_p=1.0)]
)
def test_sampling_without_chance_is_greedy(spec: Sampling):
    model, request = small_model(2), request_for(sources(), 7)
    assert spec.decode(model, request) == Greedy().decode(model, request)


@pytest.mark.parametrize(
    "edit",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 1.5},
    ],
)
def test_settings_that_make_no_sense_are_refused(edit: dict):
    with pytest.raises(SeqwrightError, match=next(iter(edit))):
        Sampling(**edit).decode(small_model(), request_for(sources()))
