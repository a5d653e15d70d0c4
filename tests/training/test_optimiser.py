"""Optimisers of named parameters, and their state under these names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from examples.extend.lion import Lion
from seqwright.core.errors import SeqwrightError
from seqwright.training.optimiser import SGD, Adam, Frozen, Optimiser, optimizer_state, restore_optimizer
from tests.training.optimisers import LBFGS, OwnRule


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


def _steps(model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
    for step in range(number):
        optimizer.zero_grad()
        model(torch.linspace(-1, 1, 3) + step).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize(
    "optimiser",
    [Adam(), Adam(decay=0.1), SGD(), SGD(momentum=0.9, nesterov=True), Lion(decay=0.1), OwnRule(),
     Frozen(optimiser=SGD(momentum=0.5), names=("2.*",))],
    ids=lambda optimiser: f"{type(optimiser).__name__}{getattr(optimiser, 'decay', '')}",
)  # fmt: skip
@pytest.mark.parametrize("before", [0, 3])
def test_with_its_state_restored_an_optimiser_takes_the_same_steps(optimiser: Optimiser, before: int):
    models = [_model(), _model()]
    named = [dict(model.named_parameters()) for model in models]
    one, other = (optimiser.build(parameters, 0.1) for parameters in named)
    _steps(models[0], one, before)
    models[1].load_state_dict(models[0].state_dict())
    state = optimizer_state(one, named[0])
    restore_optimizer(other, named[1], {name: state[name].clone() for name in sorted(state)})
    for model, optimizer in zip(models, (one, other), strict=True):
        _steps(model, optimizer, 3)
    for name in named[0]:
        assert torch.equal(named[0][name], named[1][name]), name


def test_names_are_the_parameters_names():
    model = _model()
    named = dict(model.named_parameters())
    optimizer = Adam(decay=0.1).build(named, 0.1)
    _steps(model, optimizer, 1)
    state = optimizer_state(optimizer, named)
    assert state["2.weight.exp_avg"].shape == (4, 4)
    assert state["2.bias.exp_avg_sq"].shape == (4,)


def test_the_state_of_an_unknown_parameter_is_refused():
    named = dict(_model().named_parameters())
    with pytest.raises(ValueError, match=r"9\.weight is not a parameter"):
        restore_optimizer(Adam().build(named, 0.1), named, {"9.weight.exp_avg": torch.ones(1)})
    frozen = Frozen(optimiser=Adam(), names=("2.*",)).build(named, 0.1)
    with pytest.raises(ValueError, match=r"2\.weight is not a parameter that is trained"):
        restore_optimizer(frozen, named, {"2.weight.exp_avg": torch.ones(4, 4)})


def test_what_no_checkpoint_can_hold_is_refused():
    model = _model()
    named = dict(model.named_parameters())
    optimizer = LBFGS().build(named, 0.1)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = model(torch.ones(3)).square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # pyright: ignore[reportArgumentType]
    with pytest.raises(SeqwrightError, match="LBFGS keeps a list"):
        optimizer_state(optimizer, named)


def test_frozen_parameters_stay_and_need_no_gradient():
    model = _model()
    named = dict(model.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    optimizer = Frozen(optimiser=Adam(decay=0.1), names=("0.*", "*.bias")).build(named, 0.1)
    _steps(model, optimizer, 2)
    moved = {name for name, parameter in named.items() if not torch.equal(parameter, before[name])}
    assert moved == {"2.weight", "4.weight"}
    assert named["0.weight"].grad is None


@pytest.mark.parametrize(("names", "message"), [
    (("0.*", "encoder.*"), r"no parameter is called encoder\.\*.*0\.weight, 0\.bias"),
    (("*",), "every parameter is frozen"),
])  # fmt: skip
def test_patterns_that_freeze_nothing_or_everything_are_refused(names: tuple[str, ...], message: str):
    with pytest.raises(SeqwrightError, match=message):
        Frozen(optimiser=Adam(), names=names).build(dict(_model().named_parameters()), 0.1)


def test_nesterov_needs_momentum():
    with pytest.raises(SeqwrightError, match="needs momentum"):
        SGD(nesterov=True).build(dict(_model().named_parameters()), 0.1)
