from __future__ import annotations

import pytest
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.core.probe import Record
from seqwright.core.spec import vary
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Prompts
from seqwright.decoding import beam, generate
from seqwright.decoding.beam import Beam
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy, greedy
from seqwright.decoding.request import GenerationRequest
from seqwright.decoding.sampling import Sampling
from seqwright.nn.position_embedding import LearnedPosition
from tests.decoding.small import ABC, WORDS, many_words, request_for, small_model, sources
from tests.laws.inputs import model_of
from tests.laws.specs import DECODER_ONLY

DECODERS = [Greedy(), Sampling(temperature=1.5), Beam(width=3, answers=2)]
every_decoder = pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: type(decoder).__name__)


@every_decoder
def test_dropping_ended_rows_changes_nothing(decoder: Decoding, monkeypatch: pytest.MonkeyPatch):
    model, request = small_model(4), request_for(sources(many_words(24)), 12)
    found = []
    for share in (0.0, 0.75, 1.0):  # rows are never dropped; in groups; at once
        monkeypatch.setattr(generate, "COMPACT_AT", share)
        monkeypatch.setattr(beam, "COMPACT_AT", share)
        found.append(decoder.decode(model, request))
    lengths = {len(row[0].ids) for row in found[0]}
    assert len(lengths) > 1
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert [answer.ids for answer in one] == [answer.ids for answer in two]
            assert [a.score for a in one] == pytest.approx([a.score for a in two], abs=1e-10)


@every_decoder
@pytest.mark.parametrize("eager", [0.0, -6.0], ids=["ends", "goes on"])
def test_every_row_keeps_to_its_own_limit(decoder: Decoding, eager: float):
    model, limits = small_model(1), [3, 1, 5, 2, 4, 3]
    with torch.no_grad():
        model.head.bias[ABC.end] += eager
    request = request_for(sources(), 6)
    together = decoder.decode(model, GenerationRequest.of(_prompts(6), limits, request.seeds, [ABC.start]))
    for row, limit in enumerate(limits):
        one = torch.tensor([row])
        alone = GenerationRequest.of(_prompts(limit, one), seeds=request.seeds[one], forbidden=[ABC.start])
        (wanted,) = decoder.decode(model, alone)
        assert [(a.ids, a.stopped) for a in together[row]] == [(a.ids, a.stopped) for a in wanted]
        assert [a.score for a in together[row]] == pytest.approx([a.score for a in wanted], abs=1e-10)


def _prompts(limit: int, rows: torch.Tensor | None = None) -> Prompts:
    source = sources() if rows is None else sources().select(rows)
    return Prompts(source, Tokens.of([[ABC.start]] * len(source.ids)), ABC.end, limit)


@every_decoder
def test_forbidden_ids_are_never_generated(decoder: Decoding):
    model = small_model(1)
    with torch.no_grad():
        model.head.bias[[0, ABC.start]] += 100
    for row in decoder.decode(model, GenerationRequest.of(_prompts(6), forbidden=[0, ABC.start])):
        assert not {0, ABC.start} & {symbol for answer in row for symbol in answer.ids}


@every_decoder
def test_no_rows_and_a_limit_of_nothing(decoder: Decoding):
    model = small_model()
    assert decoder.decode(model, GenerationRequest.of(_prompts(6, torch.zeros(0, dtype=torch.long)))) == []
    assert all(not answer.ids for row in decoder.decode(model, GenerationRequest.of(_prompts(0))) for answer in row)


def test_a_probe_observes_every_row_at_every_step():
    model, record = small_model(1), Record("cross.queries")
    prompts = _prompts(12)
    generated = greedy(model, prompts.source, prompts.prefix, end=ABC.end, limit=12, probe=record)
    assert generated.stopped.any()
    for seen in record.seen.values():
        assert [x.shape[0] for x in seen] == [len(WORDS)] * generated.ids.shape[1]


@every_decoder
def test_numbers_cannot_be_ranked(decoder: Decoding):
    prompts = Prompts(sources(), Tokens.of([[0.5]] * 6, dtype=torch.double), None, 3)
    with pytest.raises(SeqwrightError, match="numbers"):
        decoder.decode(small_model(), GenerationRequest.of(prompts))


def _continued(model, prompt: list[int], limit: int, context: int) -> list[int]:
    """Generate by a plain loop: beyond the context, start again with the last half of it."""
    ids, base = list(prompt), 0
    for _ in range(limit):
        if len(ids) - base > context:
            base = len(ids) - context // 2
        ids.append(int(model(Tokens.of([ids[base:]]))[0].logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("prompt", [[3], [1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 0, 1, 2]])
def test_beyond_its_context_a_model_starts_again_with_the_last_half(prompt: list[int]):
    spec = vary(DECODER_ONLY, {"decoder.position": LearnedPosition(length=6)})
    model = model_of(spec, seed=3)
    prefix = Tokens.of([prompt, prompt])
    request = GenerationRequest.of(Prompts(sources(["a", "a"]), prefix, None, 15), context=6)
    wanted = _continued(model, prompt, 15, 6)
    assert len(set(wanted)) > 1
    for decoder in (Greedy(), Beam(width=1)):
        assert [list(row[0].ids) for row in decoder.decode(model, request)] == [wanted, wanted]
