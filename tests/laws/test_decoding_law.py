"""Laws of decoding: answers depend neither on padding nor on the rows beside them, whatever the model's parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqwright.core.model import ModelSpec
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Prompts
from seqwright.decoding.beam import Beam
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy, greedy
from seqwright.decoding.request import GenerationRequest, Hypothesis
from tests.laws.inputs import logits, model_of, row, source_of, target_of
from tests.laws.specs import PADDABLE, SPECS

LIMIT = 4
SOURCES = [4, 3, 5, 2]  # not 1: a lone token answers every query alike, so without a residual stream answers tie
WORDED = {name: spec for name, spec in SPECS.items() if spec.output_size is not None}
BESIDE = {name: spec for name, spec in WORDED.items() if name in PADDABLE}
DECODERS = [Greedy(), Beam(width=3, answers=2)]


def _decode(decoder: Decoding, model: Any, source: Tokens | None, first: Tokens) -> list[list[Hypothesis]]:
    outputs = model.spec.output_size
    return decoder.decode(
        model, GenerationRequest.of(Prompts(source, first, outputs - 1, LIMIT), forbidden=[outputs - 2])
    )


@pytest.mark.parametrize("spec", BESIDE.values(), ids=BESIDE.keys())
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_answers_among_others_are_answers_alone(spec: ModelSpec, left: bool):
    """Sources are padded on either side; prompts, which have to end together, on the left."""
    model, source = model_of(spec), source_of(spec, SOURCES, left=left)
    first = target_of(spec, left=True) if source is None or left else target_of(spec, [1] * 4)
    for decoder in DECODERS:
        together = _decode(decoder, model, source, first)
        for index in (1, 3):  # the longest prompt, and the shortest source
            answers = together[index]
            prompt = row(first, index, bare=True)
            assert prompt is not None
            (alone,) = _decode(decoder, model, row(source, index, bare=True), prompt)
            assert [(a.ids, a.stopped) for a in answers] == [(a.ids, a.stopped) for a in alone]
            assert [a.score for a in answers] == pytest.approx([a.score for a in alone], abs=1e-10)


@pytest.mark.parametrize("spec", WORDED.values(), ids=WORDED.keys())
def test_the_probability_of_an_answer_is_what_reading_it_whole_gives(spec: ModelSpec):
    """For causal decoders that is one pass; for others one a token, each over the prefix before it."""
    model, source = model_of(spec), source_of(spec, [4] * 4)
    first = target_of(spec, [1] * 4)
    for decoder in DECODERS:
        for answer in _decode(decoder, model, source, first)[2]:
            wanted = _reread(model, row(source, 2, bare=True), first.ids[2].tolist(), answer)
            assert answer.log_probability == pytest.approx(wanted.item(), abs=1e-10)


def _reread(model: Any, source: Tokens | None, first: list[int], answer: Hypothesis) -> Tensor:
    outputs = model.spec.output_size
    said = [*answer.ids, outputs - 1] if answer.stopped else [*answer.ids]
    whole = [*first, *said]
    total = torch.zeros((), dtype=torch.double)
    for place, token in enumerate(said, len(first)):
        with torch.no_grad():
            here = logits(model, Tokens.of([whole[:place]]), source)[0, -1].clone()
        here[outputs - 2] = -torch.inf
        total = total + here.log_softmax(-1)[token]
    return total


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_numbers_and_symbols_are_generated_as_reading_the_whole_prefix_says(spec: ModelSpec):
    model, source, first = model_of(spec), source_of(spec, [4] * 4), target_of(spec, [1] * 4)
    scalar = first.ids.is_floating_point()

    def choose(said: Tensor) -> Tensor:
        return said[..., 0] if scalar else said.argmax(-1)

    ids = first.ids
    with torch.no_grad():
        for _ in range(3):
            at = torch.arange(ids.shape[1]).expand(4, -1)
            ids = torch.cat([ids, choose(logits(model, Tokens(ids, at), source))[:, -1:]], 1)
    found = greedy(model, source, first, end=None, limit=3, choose=choose)
    torch.testing.assert_close(found.ids, ids[:, 1:], rtol=0, atol=1e-10)
