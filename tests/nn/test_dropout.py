"""Dropout is what it says: the right rate, the right mean, and independent wherever it should be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from seqwright.core.probe import Record
from seqwright.core.tokens import Tokens
from seqwright.nn.attention import AttentionSpec
from seqwright.nn.dropout import Dropout, draw_from
from seqwright.nn.kernels.dropout_noise import kept
from seqwright.nn.mask import CausalMask
from tests.nn.positions import stack_positions

MANY = 4_000_000


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _dropout(rate: float) -> Dropout:
    dropout = Dropout(rate).train()
    draw_from(dropout, _seeded())
    return dropout


def _correlation(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1].item()


@pytest.mark.parametrize("rate", [0.0001, 0.1, 0.5, 0.9])
def test_the_rate_is_met_and_the_mean_kept(rate: float):
    noise = kept(torch.empty(MANY), rate, _seeded())
    deviation = (rate * (1 - rate) / MANY) ** 0.5
    assert abs((noise == 0).double().mean().item() - rate) < 5 * deviation + 2**-17
    assert noise.double().mean().item() == pytest.approx(1, abs=5 * deviation / (1 - rate))
    assert len(noise.unique()) == 2


def test_the_two_values_keep_the_mean_exactly():
    for rate in (0.1, 0.3, 0.5):
        dropped = round(rate * 65536)
        noise = kept(torch.empty(1000, dtype=torch.double), rate, _seeded())
        assert noise.max().item() * (65536 - dropped) / 65536 == pytest.approx(1, abs=1e-15)
        assert abs(dropped / 65536 - rate) <= 2**-17


def test_each_of_the_four_numbers_in_a_draw_is_independent():
    """Sixteen bits an element are cut from one 64-bit number: none may tell of the others, or of its neighbours."""
    noise = kept(torch.empty(MANY), 0.1, _seeded())
    for distance in (1, 2, 3, 4, 8, 200, 1000):
        assert abs(_correlation(noise[:-distance], noise[distance:])) < 5 / MANY**0.5
    assert (noise.view(-1, 4) == 0).double().mean(0).sub(0.1).abs().max() < 5 * (0.09 / (MANY / 4)) ** 0.5


@pytest.mark.parametrize("layout", ["features innermost", "rows innermost"])
def test_members_rows_and_elements_drop_out_independently(layout: str):
    members, x = 8, torch.ones(200, 50, 8)
    if layout == "rows innermost":
        x = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    many = x.expand(members, *x.shape)
    noise = vmap(_dropout(0.1), randomness="different")(many * torch.ones(members, 1, 1, 1))
    shared = vmap(lambda w: _dropout(0.1)(x) * w, randomness="different")(torch.ones(members))
    assert abs((noise == 0).double().mean().item() - 0.1) < 5 * (0.09 / noise.numel()) ** 0.5
    assert shared.shape == noise.shape
    for a in range(members):
        for b in range(a):
            assert abs(_correlation(noise[a], noise[b])) < 5 / x.numel() ** 0.5
    for dimension in (1, 2, 3):
        one, other = noise.narrow(dimension, 0, noise.shape[dimension] // 2), noise.flip(dimension)
        other = other.narrow(dimension, 0, noise.shape[dimension] // 2)
        assert abs(_correlation(one, other)) < 5 / one.numel() ** 0.5


def test_what_a_dropout_alone_shares_between_members_is_dropped_differently():
    """A tensor that no parameter has touched is the same for every member; its dropout is not."""
    x = torch.ones(100, 10, 8)
    dropout = _dropout(0.5)
    noise = vmap(lambda w: dropout(x) * w, randomness="different")(torch.ones(2))
    assert (noise[0] != noise[1]).double().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 5), (7, 1, 3)])
def test_any_number_of_elements(shape: tuple[int, ...]):
    assert kept(torch.empty(shape), 0.1, _seeded()).shape == shape


def test_a_state_says_what_comes():
    dropout, x = _dropout(0.1), torch.ones(64, 5, 8)
    generator = _seeded(3)
    draw_from(dropout, generator)
    dropout(x)
    state = generator.get_state()
    first = dropout(x)
    second = dropout(x)
    generator.set_state(state)
    assert torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), second)
    assert not torch.equal(first, second)


def test_the_gradient_is_the_noise():
    x = torch.randn(50, 5, 8, requires_grad=True)
    y = _dropout(0.3)(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad * x, y)


def test_out_of_training_nothing_is_dropped():
    x = torch.randn(4, 5, 8)
    assert torch.equal(_dropout(0.5).eval()(x), x)


@pytest.mark.parametrize("members", [None, 3], ids=["alone", "stacked"])
def test_attention_watched_in_training_drops_what_it_drops_unwatched(members: int | None):
    """Watching forms the weights one by one, yet the draw, and so the run, is the same."""
    attention = AttentionSpec(heads=2, mask=CausalMask()).build(8, 0.3).double().train()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, generator=_seeded(1))
    at = stack_positions(Tokens.of([[0] * 5, [0] * 3, [0] * 4]).rows_innermost())
    x = torch.randn(8, 5, 3, dtype=torch.double).permute(2, 1, 0)

    def run(scale: Tensor, *probe: Record) -> Tensor:
        return functional_call(attention, {}, (x * scale, at, None, *probe))[0]

    def both(*probe: Record) -> Tensor:
        draw_from(attention, _seeded(7))
        if members is None:
            return run(torch.ones(()), *probe)
        return vmap(lambda scale: run(scale, *probe), randomness="different")(torch.ones(members, dtype=torch.double))

    torch.testing.assert_close(both(Record("weights")), both(), rtol=0, atol=1e-12)
