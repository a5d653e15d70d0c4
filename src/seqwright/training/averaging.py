"""Which weights are asked and kept: the last ones, or a mean of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from seqwright.core.spec import Count, Rate, Spec

Weights = dict[str, Tensor]


@runtime_checkable
class Average(Protocol):
    """A mean of the weights that training goes through."""

    tensors: Weights
    """All that it remembers, by name: what a checkpoint keeps."""

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        """Whether what it remembers is of such weights."""
        ...

    def stepped(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Step number ``step`` was taken."""
        ...

    def evaluating(self, weights: Mapping[str, Tensor]) -> None:
        """An evaluation is about to happen."""
        ...

    def weights(self, now: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The weights to evaluate and to keep."""
        ...


class Nothing:
    """The weights as they are."""

    def __init__(self) -> None:
        self.tensors: Weights = {}

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        return not self.tensors

    def stepped(self, weights: Mapping[str, Tensor], step: int) -> None:
        pass

    def evaluating(self, weights: Mapping[str, Tensor]) -> None:
        pass

    def weights(self, now: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return now


class Moving:
    """See :class:`MovingAverage`."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.tensors: Weights = {}

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        return _shapes(self.tensors) == _shapes(weights)

    def stepped(self, weights: Mapping[str, Tensor], step: int) -> None:
        if not self.tensors:
            self.tensors = {name: weight.detach().clone() for name, weight in weights.items()}
            return
        decay = min(self.decay, step / (step + 10))  # a short memory at first, so that the start is soon forgotten
        mine = [self.tensors[name] for name in weights]
        torch._foreach_lerp_(mine, [weight.detach() for weight in weights.values()], 1 - decay)  # pyright: ignore[reportPrivateImportUsage]

    def evaluating(self, weights: Mapping[str, Tensor]) -> None:
        pass

    def weights(self, now: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return self.tensors or now


class Last:
    """See :class:`LastAverage`."""

    def __init__(self, evaluations: int) -> None:
        self.evaluations = evaluations
        self.tensors: Weights = {}  # "0.embedding.weight" is of the newest evaluation, "1.…" of the one before

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        kept = len(self.tensors) // len(weights)
        wanted = {f"{age}.{name}": weight for age in range(kept) for name, weight in weights.items()}
        return kept <= self.evaluations and _shapes(self.tensors) == _shapes(wanted)

    def stepped(self, weights: Mapping[str, Tensor], step: int) -> None:
        pass

    def evaluating(self, weights: Mapping[str, Tensor]) -> None:
        older = {}
        for name, tensor in self.tensors.items():
            age, rest = name.split(".", 1)
            if int(age) + 1 < self.evaluations:
                older[f"{int(age) + 1}.{rest}"] = tensor
        self.tensors = {f"0.{name}": weight.detach().clone() for name, weight in weights.items()} | older

    def weights(self, now: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        kept = len(self.tensors) // len(now)
        if not kept:
            return now
        return {name: torch.stack([self.tensors[f"{age}.{name}"] for age in range(kept)]).mean(0) for name in now}


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


class NoAverage(Spec):
    """The weights as the last step left them."""

    def build(self) -> Average:
        return Nothing()


class MovingAverage(Spec):
    """An exponential moving average over steps (Polyak and Juditsky 1992 average evenly); ``decay`` is what a step keeps."""

    decay: Rate = 0.999

    def build(self) -> Average:
        return Moving(self.decay)


class LastAverage(Spec):
    """The mean of the weights at the last few ``evaluations`` (Vaswani et al. 2017, §6.1, average 5 checkpoints)."""

    evaluations: Count = 5

    def build(self) -> Average:
        return Last(self.evaluations)


AveragingSpec = NoAverage | MovingAverage | LastAverage
