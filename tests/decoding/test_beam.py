from __future__ import annotations

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.decoding.beam import Beam
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.request import Hypothesis
from tests.decoding.exhaustive import every_answer
from tests.decoding.small import ABC, SAID, WORDS, asked, small_model, sources

LIMIT = 4
PREFIXES = len(SAID) ** (LIMIT - 1)  # as many as the longest that END can still follow


def _all_answers(seed: int, penalty: float) -> list[list[Hypothesis]]:
    model, source = small_model(seed), sources()
    return [
        every_answer(
            model,
            source.select(torch.tensor([row])),
            [ABC.start],
            symbols=SAID,
            end=ABC.end,
            limit=LIMIT,
            divisor=lambda length: ((5 + length) / 6) ** penalty,
        )
        for row in range(len(WORDS))
    ]


def same(found: list[Hypothesis], wanted: list[Hypothesis]) -> None:
    assert [answer.ids for answer in found] == [answer.ids for answer in wanted]
    assert [answer.stopped for answer in found] == [answer.stopped for answer in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert a.score == pytest.approx(b.score, abs=1e-10)
        assert a.log_probability == pytest.approx(b.log_probability, abs=1e-10)


@pytest.mark.parametrize(("seed", "penalty"), [(0, 0.0), (1, 0.6), (2, 1.0), (4, 1.0), (3, 2.5)])
def test_a_beam_of_all_prefixes_is_exhaustive(seed: int, penalty: float):
    wanted = _all_answers(seed, penalty)
    for width, answers in ((PREFIXES, 1), (PREFIXES * len(SAID), 50)):
        beam = Beam(width=width, length_penalty=penalty, answers=answers)
        for found, best in zip(beam.decode(small_model(seed), asked(sources(), LIMIT)), wanted, strict=True):
            same(found, best[:answers])


@pytest.mark.parametrize("seed", range(5))
def test_width_one_without_penalty_is_greedy(seed: int):
    model, request = small_model(seed), asked(sources(), 7)
    beams = Beam(width=1, length_penalty=0.0).decode(model, request)
    for beam, greedy in zip(beams, Greedy().decode(model, request), strict=True):
        same(beam, greedy)


@pytest.mark.parametrize("edit", [{"width": 0}, {"answers": 0}, {"length_penalty": -0.5}, {"width": 2, "answers": 3}])
def test_settings_that_make_no_sense_are_refused(edit: dict):
    with pytest.raises(SeqwrightError) as refused:
        Beam(**edit).decode(small_model(), asked(sources()))
    assert refused.value.mend
