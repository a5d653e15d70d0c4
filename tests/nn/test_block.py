"""Residual connections, and blocks from which a part is left out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqwright.core.model import build
from seqwright.core.spec import Spec, vary
from seqwright.core.tokens import Tokens
from seqwright.nn.feedforward import FeedForward, FeedForwardSpec
from seqwright.nn.norm import LayerNormSpec, NoNorm, Norm, RMSNormSpec
from seqwright.nn.residual import NoResidual, PreNormResidual
from tests.laws.specs import DECODER_ONLY, ENCODER_DECODER

NORMS = [NoNorm(), LayerNormSpec(), RMSNormSpec()]


@pytest.mark.parametrize("norm", NORMS)
def test_without_a_residual_nothing_goes_past_the_branch(norm: Norm):
    residual = NoResidual(norm=norm).build(4, 0.0)
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert not residual.connect(x, torch.zeros_like(x)).any()
    torch.testing.assert_close(residual.connect(x, -residual.enter(x)), -norm.build(4)(x))
    added = PreNormResidual(norm=norm).build(4, 0.0)
    y = added.enter(x).sin()
    torch.testing.assert_close(added.connect(x, y) - x, residual.connect(x, residual.enter(x).sin()))


def test_without_a_residual_the_branch_is_dropped_out():
    residual = NoResidual(norm=NoNorm()).build(4, 0.5).train()
    dropped = residual.connect(torch.zeros(50, 50, 4), torch.ones(50, 50, 4))
    assert (dropped == 0).double().mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(residual.eval().connect(torch.zeros(2, 2, 4), torch.ones(2, 2, 4)), torch.ones(2, 2, 4))


def test_a_block_without_feed_forward_has_none_of_its_parameters():
    whole, bare = build(ENCODER_DECODER), build(vary(ENCODER_DECODER, {"decoder.blocks.feedforward": None}))
    missing = {name for name, _ in whole.named_parameters()} - {name for name, _ in bare.named_parameters()}
    assert missing == {
        f"decoder.blocks.{layer}.{part}.{kind}"
        for layer in (0, 1)
        for part in ("feedforward_residual.norm", "feedforward.widen", "feedforward.narrow")
        for kind in ("weight", "bias")
    }


def test_without_feed_forward_tokens_pass_as_past_one_that_says_nothing():
    silent = build(DECODER_ONLY).eval()
    bare = build(vary(DECODER_ONLY, {"decoder.blocks.feedforward": None})).eval()
    bare.load_state_dict(silent.state_dict(), strict=False)
    assert isinstance(DECODER_ONLY.decoder.each()[0].feedforward, FeedForwardSpec)
    with torch.no_grad():
        for block in silent.decoder.blocks:
            block.feedforward.narrow.weight.zero_()
            block.feedforward.narrow.bias.zero_()
    tokens = Tokens.of([[1, 2, 3]])
    torch.testing.assert_close(bare(tokens)[0].logits, silent(tokens)[0].logits, rtol=0, atol=0)


class CountedFeedForward(Spec, FeedForward):
    """No change to the tokens' vectors, and an auxiliary loss: the number of tokens."""

    def build(self, width: int, dropout: float) -> nn.Module:
        class Counting(nn.Module):
            def forward(self, x, at, probe):
                return x * 0, {"tokens": torch.tensor(float(at.numel()))}

        return Counting()

    def flops(self, width: int) -> int:
        return 0


def test_auxiliary_losses_are_summed_over_layers_and_the_sources_are_counted_once():
    sides = {f"{side}.blocks.feedforward": CountedFeedForward() for side in ("encoder", "decoder")}
    model = build(vary(ENCODER_DECODER, sides))  # two layers a side
    source, first, second = (
        Tokens.of([[1, 2, 3]]),
        Tokens.of([[1, 2]]),
        Tokens(torch.tensor([[3]]), torch.tensor([[2]])),
    )
    output, state = model.advance(first, model.start(source))
    assert output.losses["tokens"] == 2 * 3 + 2 * 2
    assert model.advance(second, state)[0].losses["tokens"] == 2 * 1
