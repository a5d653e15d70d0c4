from __future__ import annotations

import torch

from seqwright.training.averaging import LastAverage, MovingAverage, NoAverage


def test_a_moving_average_follows_and_forgets_its_start():
    average = MovingAverage(decay=0.9).build()
    weights = {"w": torch.tensor([100.0])}
    for step in range(1, 400):
        average.stepped(weights, step)
        weights = {"w": torch.tensor([5.0])}
    assert abs(average.weights(weights)["w"].item() - 5) < 1e-3
    average.stepped({"w": torch.tensor([15.0])}, 400)
    assert abs(average.weights(weights)["w"].item() - 6) < 1e-3  # 0.9 · 5 + 0.1 · 15


def test_the_last_few_are_averaged_evenly():
    average = LastAverage(evaluations=3).build()
    for value in (100.0, 1.0, 2.0, 6.0):
        average.evaluating({"a": torch.tensor([value]), "b.c": torch.tensor([-value])})
    mean = average.weights({"a": torch.zeros(1), "b.c": torch.zeros(1)})
    assert {name: tensor.item() for name, tensor in mean.items()} == {"a": 3.0, "b.c": -3.0}


def test_all_that_an_average_remembers_is_in_its_tensors():
    for spec in (MovingAverage(decay=0.5), LastAverage(evaluations=2), NoAverage()):
        one, other = spec.build(), spec.build()
        for step in range(1, 4):
            one.stepped({"w": torch.full((2,), float(step))}, step)
            one.evaluating({"w": torch.full((2,), float(step))})
        other.tensors = {name: tensor.clone() for name, tensor in one.tensors.items()}
        for average in (one, other):
            average.stepped({"w": torch.ones(2)}, 4)
            average.evaluating({"w": torch.ones(2)})
        now = {"w": torch.ones(2)}
        assert torch.equal(one.weights(now)["w"], other.weights(now)["w"])
