"""Attention of one pass equals the attention of the steps of a generation, for every family and mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

import seqwright as sw
from examples.extend.gru_attention import AttendingGRU, GRUAttention
from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Output, Side
from seqwright.core.probe import SILENT, Probe, Record
from seqwright.core.tokens import Tokens
from seqwright.nn.recurrence import RecurrentState
from seqwright.runs.attention import attention_of
from seqwright.viewer.selection import Selection

VOCABULARY = sw.Vocabulary(("a", "b", "c"))


def model(causal: bool, **more):
    attention = sw.AttentionSpec(heads=2, mask=sw.CausalMask() if causal else sw.NoMask())
    inner = sw.FeedForwardSpec(inner=8)
    spec = sw.TransformerSpec(
        width=8, embedding=sw.TokenEmbedding(vocabulary=6), head=sw.SymbolHead(outputs=5),
        encoder=sw.StackSpec(blocks=sw.BlockSpec(feedforward=inner, mixer=sw.AttentionSpec(heads=2)), layers=2,
                             position=sw.T5RelativePosition()),
        decoder=sw.StackSpec(blocks=sw.BlockSpec(feedforward=inner, mixer=attention, cross=sw.CrossAttentionSpec(heads=2)),
                             layers=2, position=sw.RotaryPosition(), **more),
    )  # fmt: skip
    return sw.build(spec, seed=3).eval()


@pytest.mark.parametrize("causal", [True, False])
def test_one_pass_equals_the_steps(causal: bool):
    made, source, target, labels = model(causal), [0, 1, 2, 0], [3, 2, 1, 0], [2, 1, 0, 4]
    seen = attention_of(made, made.spec, VOCABULARY, source, target, labels, selection=Selection())
    probe = Record("decoder.blocks.1.mixer.weights", "decoder.blocks.0.cross.weights")
    state = made.start(Tokens.of([source]))
    for length in range(1, 5):  # as generation goes
        if causal:
            output, state = made.advance(
                Tokens(torch.tensor([[target[length - 1]]]), torch.tensor([[length - 1]])), state, probe
            )
        else:
            output, _ = made.advance(Tokens.of([target[:length]]), state, probe)
        own, cross = (probe.seen[name][-1][0, :, -1].detach().numpy() for name in sorted(probe.seen, reverse=True))
        assert np.allclose(seen.of("decoder").weights[1, :, length - 1, :length], own, atol=1e-5)
        assert np.allclose(seen.of("decoder").weights[1, :, length - 1, length:], 0)
        assert np.allclose(seen.of("cross").weights[0, :, length - 1], cross, atol=1e-5)
        step = seen.of("decoder").steps[length - 1]
        predicted = output.logits[0, -1].detach().softmax(-1)
        assert step.probability == pytest.approx(float(predicted[labels[length - 1]]), abs=1e-5)
        assert step.candidates[0].probability == pytest.approx(float(predicted.max()), abs=1e-5)
    assert bool(seen.note) is not causal
    kept = seen.of("encoder").projections
    if causal:
        assert kept is not None
        bias = kept.scores - kept.queries @ kept.keys.swapaxes(-1, -2) * kept.scale[0]
        assert np.abs(bias).max() > 1e-3  # relative positions are in the scores, and not in the products
        again = np.exp(kept.scores - kept.scores.max(-1, keepdims=True))
        assert np.allclose(again / again.sum(-1, keepdims=True), seen.of("encoder").weights, atol=1e-5)


def test_missing_heads_and_large_pages_are_refused():
    made = model(True)
    with pytest.raises(SeqwrightError, match="there is no head 2"):
        attention_of(made, made.spec, VOCABULARY, [0], [3], [4], selection=Selection.of(None, [2]))
    with pytest.raises(SeqwrightError, match="choose up to"):
        attention_of(made, made.spec, VOCABULARY, [0] * 9000, [3], [4], selection=Selection())


def test_capture_leaves_the_logits_unchanged():
    made, source, target = model(True), Tokens.of([[0, 1, 2]]), Tokens.of([[3, 1]])
    before, _ = made(target, source)
    attention_of(made, made.spec, VOCABULARY, [0, 1, 2], [3, 1], [1, 4], selection=Selection())
    after, _ = made(target, source)
    assert torch.equal(before.logits, after.logits)


@dataclass(frozen=True)
class Renaming:
    """A probe that is offered attention weights under another name; under none, if ``part`` is empty."""

    probe: Probe
    part: str

    def wants(self, name: str) -> bool:
        return bool(self.part) and self.probe.wants(name.replace("cross", self.part))

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return self.probe(name.replace("cross", self.part), x) if self.part else x


class RenamedGRU(GRUAttention):
    """The example's family, which offers its weights under another name, and with a maximum length."""

    part: str = "cross"

    def build(self) -> RenamedModel:
        return RenamedModel(self)

    def max_length(self, side: Side) -> int | None:
        return None if side == "source" else 8


class RenamedModel(AttendingGRU):
    def advance(self, tokens: Tokens, state: RecurrentState, probe: Probe = SILENT) -> tuple[Output, RecurrentState]:
        return super().advance(tokens, state, Renaming(probe, self.spec.part))


def gru(part: str = "cross") -> RenamedModel:
    return sw.build(RenamedGRU(width=8, symbols=6, outputs=5, part=part)).eval()


@pytest.mark.parametrize("part", ["cross", "cross_attention", "mixer.cross"])
def test_any_family_with_attention_has_a_page(part: str):
    made, source, target, labels = gru(part), [0, 1, 2], [3, 2, 1], [2, 1, 4]
    seen = attention_of(made, made.spec, VOCABULARY, source, target, labels, name="gru")
    (record,) = seen.records
    assert (record.kind, record.weights.shape, record.projections) == ("cross", (1, 1, 3, 3), None)
    probe, state = Record("weights"), made.start(Tokens.of([source]))
    output, _ = made.advance(Tokens.of([target]), state, probe)
    ((name, pieces),) = probe.seen.items()
    assert name in made.probe_names()
    assert np.allclose(record.weights[0, 0], torch.cat(pieces, 1)[0].detach(), atol=1e-6)
    assert [step.chosen for step in record.steps] == ["c", "b", "<end>"]
    assert record.steps[0].probability == pytest.approx(float(output.logits[0, 0].detach().softmax(-1)[2]), abs=1e-6)


def test_a_family_without_attention_is_refused():
    made = gru("")
    with pytest.raises(SeqwrightError, match="forms no attention weights"):
        attention_of(made, made.spec, VOCABULARY, [0], [3], [4])


def test_a_target_beyond_the_positions_is_refused():
    made = gru()
    with pytest.raises(SeqwrightError, match="the text has 9 tokens, and the model has 8 positions"):
        attention_of(made, made.spec, VOCABULARY, [0], [3] * 9, [4])


def test_probe_names_leave_a_model_as_it_was():
    made = model(True).train()
    names = made.probe_names()
    assert made.training
    assert names[-1] == "logits"
    assert sum(name.endswith(".weights") for name in names) == 6
    assert len(set(names)) == len(names)
