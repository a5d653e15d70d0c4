"""Averages of weights, for evaluation and for the weights that a run keeps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from seqwright.core.place import Place
from seqwright.core.spec import Count, Rate, Spec

Weights = Mapping[str, Tensor]


class WeightAverage:
    """An average of a model's weights while it trains; this one is the current weights themselves.

    Args:
        weights: the live parameters by name; every method reads their current values.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.tensors: dict[str, Tensor] = {}

    def after_step(self, step: int) -> None:
        """Take in the weights after step number ``step``."""

    def before_evaluation(self) -> None:
        """Take in the weights that are about to be evaluated."""

    def averaged(self) -> Weights:
        """Return the weights to evaluate and to keep."""
        return self.weights

    def state(self) -> dict[str, Tensor]:
        """Return all that the average depends on, by name."""
        return self.tensors

    def restore(self, state: Weights) -> None:
        """Continue from a state.

        Raises:
            ValueError: it is of other weights.
        """
        if {name: tensor.shape for name, tensor in state.items()} != self._shapes(state):
            raise ValueError("it is an average of other weights")
        device = next(iter(self.weights.values())).device
        self.tensors = {name: tensor.to(device) for name, tensor in state.items()}

    def _shapes(self, state: Weights) -> dict[str, torch.Size]:
        """Return the names and shapes that a state of this size must have."""
        return {}


class ExponentialAverage(WeightAverage):
    """See :class:`MovingAverage`."""

    def __init__(self, weights: Weights, decay: float) -> None:
        super().__init__(weights)
        self.decay = decay

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        if not self.tensors:
            self.tensors = {name: weight.clone() for name, weight in self.weights.items()}
            return
        decay = min(self.decay, step / (step + 10))  # less at first, so that the initial weights are soon forgotten
        averages = [self.tensors[name] for name in self.weights]
        torch._foreach_lerp_(averages, list(self.weights.values()), 1 - decay)  # pyright: ignore[reportPrivateImportUsage]

    def averaged(self) -> Weights:
        return self.tensors or self.weights

    def _shapes(self, state: Weights) -> dict[str, torch.Size]:
        return {name: weight.shape for name, weight in self.weights.items() if state}


class EvaluationAverage(WeightAverage):
    """See :class:`LastAverage`; its state has the weights of the latest evaluation under ``0.name``, those before under ``1.name``."""

    def __init__(self, weights: Weights, evaluations: int) -> None:
        super().__init__(weights)
        self.evaluations = evaluations

    @property
    def _held(self) -> int:
        return len(self.tensors) // len(self.weights)

    @torch.no_grad()
    def before_evaluation(self) -> None:
        older = {
            f"{age + 1}.{name}": self.tensors[f"{age}.{name}"]
            for age in range(min(self._held, self.evaluations - 1))
            for name in self.weights
        }
        self.tensors = {f"0.{name}": weight.clone() for name, weight in self.weights.items()} | older

    @torch.no_grad()
    def averaged(self) -> Weights:
        if not self.tensors:
            return self.weights
        held = range(self._held)
        return {name: torch.stack([self.tensors[f"{age}.{name}"] for age in held]).mean(0) for name in self.weights}

    def _shapes(self, state: Weights) -> dict[str, torch.Size]:
        ages = range(min(len(state) // len(self.weights), self.evaluations))
        return {f"{age}.{name}": weight.shape for age in ages for name, weight in self.weights.items()}


class Averaging(Place):
    """A way to average weights over training."""

    __slots__ = ()

    @abstractmethod
    def build(self, weights: Weights) -> WeightAverage:
        """Build the average of a model's live parameters."""


class NoAverage(Spec, Averaging):
    """The weights as the last step left them."""

    def build(self, weights: Weights) -> WeightAverage:
        return WeightAverage(weights)


class MovingAverage(Spec, Averaging):
    """An exponential moving average over steps, of which each keeps ``decay`` (Polyak and Juditsky 1992 average evenly)."""

    decay: Rate = 0.999

    def build(self, weights: Weights) -> WeightAverage:
        return ExponentialAverage(weights, self.decay)


class LastAverage(Spec, Averaging):
    """The mean of the weights at the last few ``evaluations`` (Vaswani et al. 2017, §6.1, average 5 checkpoints)."""

    evaluations: Count = 5

    def build(self, weights: Weights) -> WeightAverage:
        return EvaluationAverage(weights, self.evaluations)
