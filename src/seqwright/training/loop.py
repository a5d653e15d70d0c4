"""The training loop: the same few lines for one model and for an ensemble of hundreds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Spec
from seqwright.tasks.task import Batch
from seqwright.training.objective import CrossEntropy, ObjectiveSpec
from seqwright.training.schedule import ConstantRate, ScheduleSpec


class TrainingSpec(Spec):
    """How to train: Adam (Kingma and Ba 2015, β 0.9 and 0.999) for ``steps`` batches."""

    steps: int
    rate: float = 0.01
    schedule: ScheduleSpec = ConstantRate()
    objective: ObjectiveSpec = CrossEntropy()


@runtime_checkable
class Trainee(Protocol):
    """What the loop trains: one model, or many side by side."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """What the optimiser moves."""
        ...

    def losses(self, batch: Batch, objective: ObjectiveSpec) -> Float[Tensor, "n"]:
        """Each member's loss on the batch. They depend on no common parameter, so their sum trains each alone."""
        ...


class Solo:
    """One model as a trainee."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def parameters(self) -> Iterable[nn.Parameter]:
        return self.model.parameters()

    def losses(self, batch: Batch, objective: ObjectiveSpec) -> Tensor:
        output, _ = self.model(batch.target, batch.source)
        return objective.loss(output, batch.labels)[None]


@dataclass(frozen=True)
class Curve:
    """Losses in training mode: ``steps [p]`` and ``losses [p n]``, a point every so many steps and at the last."""

    steps: list[int]
    losses: Float[Tensor, "p n"]


def fit(
    trainee: Trainee,
    batches: Iterator[Batch],
    training: TrainingSpec,
    *,
    points: int = 200,
    progress: Callable[[int], None] = lambda step: None,
) -> Curve:
    """Train for ``training.steps`` steps and return the losses on the way.

    Args:
        trainee: a model (:class:`Solo`) or an ensemble; its parameters change in place.
        batches: one a step, without end.
        training: rate, schedule, objective.
        points: how many losses to keep, evenly spaced.
        progress: is told the number of steps done.
    """
    optimizer = torch.optim.Adam(trainee.parameters(), lr=training.rate)
    every = max(1, training.steps // points)
    steps: list[int] = []
    losses: list[Tensor] = []
    for step in range(training.steps):
        for group in optimizer.param_groups:
            group["lr"] = training.rate * training.schedule.factor(step)
        loss = trainee.losses(next(batches), training.objective)
        optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        optimizer.step()
        if (step + 1) % every == 0 or step + 1 == training.steps:
            steps.append(step + 1)
            losses.append(loss.detach())
            progress(step + 1)
    return Curve(steps, torch.stack(losses).cpu())
