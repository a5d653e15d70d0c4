from __future__ import annotations

import pytest
import torch

from seqwright.training.averaging import Averaging, LastAverage, MovingAverage, NoAverage


def test_a_moving_average_follows_and_forgets_its_start():
    weights = {"w": torch.tensor([100.0])}
    average = MovingAverage(decay=0.9).build(weights)
    for step in range(1, 400):
        average.after_step(step)
        weights["w"].fill_(5.0)
    assert abs(average.averaged()["w"].item() - 5) < 1e-3
    weights["w"].fill_(15.0)
    average.after_step(400)
    assert abs(average.averaged()["w"].item() - 6) < 1e-3  # 0.9 · 5 + 0.1 · 15


def test_the_last_few_are_averaged_evenly():
    weights = {"a": torch.zeros(1), "b.c": torch.zeros(1)}
    average = LastAverage(evaluations=3).build(weights)
    for value in (100.0, 1.0, 2.0, 6.0):
        weights["a"].fill_(value)
        weights["b.c"].fill_(-value)
        average.before_evaluation()
    assert {name: tensor.item() for name, tensor in average.averaged().items()} == {"a": 3.0, "b.c": -3.0}


@pytest.mark.parametrize("spec", [MovingAverage(decay=0.5), LastAverage(evaluations=2), NoAverage()])
def test_all_that_an_average_depends_on_is_in_its_state(spec: Averaging):
    weights = {"w": torch.zeros(2), "v": torch.zeros(1)}
    one, other = spec.build(weights), spec.build(weights)
    other.restore(one.state())  # before the first step there is nothing to keep
    for step in range(1, 4):
        weights["w"].fill_(step)
        one.after_step(step)
        one.before_evaluation()
    other.restore({name: one.state()[name].clone() for name in sorted(one.state())})
    weights["w"].fill_(1)
    for average in (one, other):
        average.after_step(4)
        average.before_evaluation()
    assert all(torch.equal(one.averaged()[name], other.averaged()[name]) for name in weights)


@pytest.mark.parametrize("spec", [MovingAverage(), LastAverage(), NoAverage()])
def test_the_state_of_other_weights_is_refused(spec: Averaging):
    for state in ({"v": torch.zeros(2)}, {"w": torch.zeros(3)}, {"0.w": torch.zeros(3)}):
        with pytest.raises(ValueError, match="other weights"):
            spec.build({"w": torch.zeros(2)}).restore(state)
