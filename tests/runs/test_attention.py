"""What a run attends to, read at once, is what it attended to step by step; whatever its decoder's mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seqwright as sw
from seqwright.core.errors import SeqwrightError
from seqwright.core.probe import Record
from seqwright.core.tokens import Tokens
from seqwright.runs.attention import attention_of
from seqwright.viewer.capture import Selection

VOCABULARY = sw.Vocabulary(("a", "b", "c"))


def model(causal: bool, **more):
    attention = sw.AttentionSpec(heads=2, mask=sw.CausalMask() if causal else sw.NoMask())
    inner = sw.FeedForwardSpec(inner=8)
    spec = sw.TransformerSpec(
        width=8, embedding=sw.LookUpEmbedding(vocabulary=6), head=sw.SymbolHead(outputs=5),
        encoder=sw.StackSpec(feedforward=inner, self_attention=sw.AttentionSpec(heads=2), layers=2, position=sw.T5RelativePosition()),
        decoder=sw.StackSpec(feedforward=inner, self_attention=attention, cross_attention=sw.AttentionSpec(heads=2), layers=2,
                             position=sw.RotaryPosition(), **more),
    )  # fmt: skip
    return sw.build(spec, seed=3).eval()


@pytest.mark.parametrize("causal", [True, False])
def test_one_pass_is_what_the_steps_saw(causal: bool):
    made, source, target, labels = model(causal), [0, 1, 2, 0], [3, 2, 1, 0], [2, 1, 0, 4]
    seen = attention_of(made, VOCABULARY, source, target, labels, chosen=Selection())
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
        said = output.logits[0, -1].detach().softmax(-1)
        assert step.probability == pytest.approx(float(said[labels[length - 1]]), abs=1e-5)
        assert step.candidates[0].probability == pytest.approx(float(said.max()), abs=1e-5)
    assert bool(seen.note) is not causal
    kept = seen.of("encoder").projections
    if causal:
        assert kept is not None
        bias = kept.scores - kept.queries @ kept.keys.swapaxes(-1, -2) * kept.scale[0]
        assert np.abs(bias).max() > 1e-3  # relative positions are in the scores, and not in the products
        again = np.exp(kept.scores - kept.scores.max(-1, keepdims=True))
        assert np.allclose(again / again.sum(-1, keepdims=True), seen.of("encoder").weights, atol=1e-5)


def test_what_is_not_there_and_what_is_too_long_is_told():
    made = model(True)
    with pytest.raises(SeqwrightError, match="there is no head 2"):
        attention_of(made, VOCABULARY, [0], [3], [4], chosen=Selection.of(None, [2]))
    with pytest.raises(SeqwrightError, match="choose up to"):
        attention_of(made, VOCABULARY, [0] * 9000, [3], [4], chosen=Selection())


def test_watching_changes_nothing():
    made, source, target = model(True), Tokens.of([[0, 1, 2]]), Tokens.of([[3, 1]])
    before, _ = made(target, source)
    attention_of(made, VOCABULARY, [0, 1, 2], [3, 1], [1, 4], chosen=Selection())
    after, _ = made(target, source)
    assert torch.equal(before.logits, after.logits)
