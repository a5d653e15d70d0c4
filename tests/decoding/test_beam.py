from __future__ import annotations

import math

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Output
from seqwright.core.tokens import Tokens
from seqwright.decoding.beam import Beam
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.request import GenerationRequest, Hypothesis
from tests.decoding.exhaustive import every_answer
from tests.decoding.small import ABC, SYMBOLS, WORDS, request_for, small_model, sources

LIMIT = 4
PREFIXES = len(SYMBOLS) ** (LIMIT - 1)  # as many as the longest that END can still follow


def _all_answers(seed: int, penalty: float) -> list[list[Hypothesis]]:
    model, source = small_model(seed), sources()
    return [
        every_answer(
            model,
            source.select(torch.tensor([row])),
            [ABC.start],
            symbols=SYMBOLS,
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
    for width, answers in ((PREFIXES, 1), (PREFIXES * len(SYMBOLS), 50)):
        beam = Beam(width=width, length_penalty=penalty, answers=answers)
        for found, best in zip(beam.decode(small_model(seed), request_for(sources(), LIMIT)), wanted, strict=True):
            same(found, best[:answers])


@pytest.mark.parametrize("seed", range(5))
def test_width_one_without_penalty_is_greedy(seed: int):
    model, request = small_model(seed), request_for(sources(), 7)
    beams = Beam(width=1, length_penalty=0.0).decode(model, request)
    for beam, greedy in zip(beams, Greedy().decode(model, request), strict=True):
        same(beam, greedy)


class Patient:
    """A model that ends at once with probability 1/2; if not, it predicts 0 six times, then END, with certainty."""

    incremental = True

    def probe_names(self):
        return ()

    def start(self, source, probe=None):
        return self

    def select(self, rows):
        return self

    def advance(self, tokens, state, probe=None):
        p = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype=torch.double)
        at = tokens.at[:, -1]
        return Output(p[torch.where(at == 0, 2, at // 6)].log()[:, None]), self


@pytest.mark.parametrize(("penalty", "length"), [(0.5, 7), (3.0, 7), (0.0, 1)])
def test_a_row_goes_on_while_a_longer_answer_can_still_win(penalty: float, length: int):
    """Both answers have p = 1/2; any penalty prefers the longer, though at first the shorter one leads."""
    request = GenerationRequest(None, Tokens.of([[0]]), end=1, limits=torch.tensor([9]), seeds=torch.tensor([0]))
    ((found,),) = Beam(width=2, length_penalty=penalty).decode(Patient(), request)
    assert found.score == pytest.approx(math.log(0.5) / ((5 + length) / 6) ** penalty)
    assert len(found.ids) == length - 1
    assert found.stopped


@pytest.mark.parametrize("edit", [{"width": 0}, {"answers": 0}, {"length_penalty": -0.5}, {"width": 2, "answers": 3}])
def test_settings_that_make_no_sense_are_refused(edit: dict):
    with pytest.raises(SeqwrightError) as refused:
        Beam(**edit).decode(small_model(), request_for(sources()))
    assert refused.value.fix
