"""The training loop: the same few lines for one model, for an ensemble of hundreds, and for several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Above, Count, Spec
from seqwright.data.batch import Batch
from seqwright.training.objective import CrossEntropy, ObjectiveSpec
from seqwright.training.optimiser import Adam, OptimiserSpec
from seqwright.training.schedule import ConstantRate, ScheduleSpec


class TrainingSpec(Spec):
    """How to train.

    Attributes:
        steps: how many steps at most.
        max_epochs: how many passes over the data at most, where batches come from a sampler that counts them.
        rate: the learning rate at its highest.
        schedule: how the rate changes.
        objective: what is minimised.
        optimiser: how gradients become steps.
        clip: the norm that a model's gradient is shortened to when it is longer (Pascanu et al. 2013); ``None`` for never.
        accumulate: how many batches make one step. Their losses are summed and divided by the count over all of them.
        precision: what is computed in. With bfloat16 that is products of matrices; parameters stay as float32 has them.
    """

    steps: Count
    max_epochs: Count | None = None
    rate: Above = 0.01
    schedule: ScheduleSpec = ConstantRate()
    objective: ObjectiveSpec = CrossEntropy()
    optimiser: OptimiserSpec = Adam()
    clip: Above | None = None
    accumulate: Count = 1
    precision: Literal["float32", "float64", "bfloat16"] = "float32"


@runtime_checkable
class Trainable(Protocol):
    """What the loop trains: one model, or many side by side."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """What the optimiser moves."""
        ...

    def count(self, batches: list[Batch], objective: ObjectiveSpec) -> Tensor:
        """How many labels of the batches count, over all processes."""
        ...

    def losses(self, batch: Batch, objective: ObjectiveSpec, count: Tensor) -> Float[Tensor, "n"]:
        """Each member's loss on the batch, as its share of a step of ``count`` labels.

        Members depend on no common parameter, so the sum of their losses trains each alone.
        """
        ...

    def gathered(self, losses: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """The losses of a step, over all processes."""
        ...

    def clip(self, limit: float) -> Float[Tensor, "n"]:
        """Shorten each member's gradient to ``limit``; what their norms were."""
        ...


class SingleModel:
    """One model as a trainee."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def parameters(self) -> Iterable[nn.Parameter]:
        return self.model.parameters()

    def count(self, batches: list[Batch], objective: ObjectiveSpec) -> Tensor:
        return total_count(batches, objective)

    def losses(self, batch: Batch, objective: ObjectiveSpec, count: Tensor) -> Tensor:
        output, _ = self.model(batch.target, batch.source)
        return (objective.total(output, batch.labels) / count)[None]

    def gathered(self, losses: Tensor) -> Tensor:
        return losses

    def clip(self, limit: float) -> Tensor:
        return nn.utils.clip_grad_norm_(self.parameters(), limit, foreach=True)[None]


def total_count(batches: list[Batch], objective: ObjectiveSpec) -> Tensor:
    """How many labels of the batches count."""
    return torch.stack([objective.count(batch.labels) for batch in batches]).sum()


@dataclass(frozen=True)
class Gradient:
    """A step before it is taken: each member's loss ``[n]``, and the norm of its gradient where norms are limited."""

    losses: Float[Tensor, "n"]
    norms: Float[Tensor, "n"] | None

    @property
    def finite(self) -> bool:
        """Whether no loss, and no norm where there are any, is infinite or not a number."""
        return bool(self.losses.isfinite().all()) and (self.norms is None or bool(self.norms.isfinite().all()))


class Loop:
    """A trainee, its optimiser, and how many steps were taken: what :func:`fit` and a run step through."""

    def __init__(self, trainable: Trainable, training: TrainingSpec) -> None:
        self.trainable, self.training = trainable, training
        self.optimizer = training.optimiser.build(trainable.parameters(), training.rate)
        self.step = 0

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.training.rate * self.training.schedule.factor(self.step, self.training.steps)

    def gradient(self, batches: list[Batch]) -> Gradient:
        """Losses and gradients of one step over the batches."""
        trainable, objective = self.trainable, self.training.objective
        count = trainable.count(batches, objective)
        self.optimizer.zero_grad(set_to_none=True)
        pieces = []
        for batch in batches:
            with self._precision(batch):
                losses = trainable.losses(batch, objective, count)
            losses.sum().backward()
            pieces.append(losses.detach())
        losses = pieces[0] if len(pieces) == 1 else torch.stack(pieces).sum(0)
        norms = None if self.training.clip is None else trainable.clip(self.training.clip)
        return Gradient(trainable.gathered(losses), norms)

    def update(self) -> None:
        """Take the step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.step()
        self.step += 1

    def _precision(self, batch: Batch) -> AbstractContextManager[object]:
        if self.training.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(batch.labels.device.type, torch.bfloat16)


@dataclass(frozen=True)
class LossCurve:
    """Losses in training mode: ``steps [p]`` and ``losses [p n]``, a point every so many steps and at the last."""

    steps: list[int]
    losses: Float[Tensor, "p n"]


def fit(
    trainable: Trainable,
    batches: Iterator[Batch],
    training: TrainingSpec,
    *,
    points: int = 200,
    progress: Callable[[int], None] = lambda step: None,
) -> LossCurve:
    """Train for ``training.steps`` steps and return the losses on the way.

    Args:
        trainee: a model (:class:`SingleModel`) or an ensemble; its parameters change in place.
        batches: ``training.accumulate`` a step, without end.
        training: rate, schedule, objective.
        points: how many losses to keep, evenly spaced.
        progress: is told the number of steps done.
    """
    loop = Loop(trainable, training)
    every = max(1, training.steps // points)
    steps: list[int] = []
    losses: list[Tensor] = []
    while loop.step < training.steps:
        gradient = loop.gradient([next(batches) for _ in range(training.accumulate)])
        loop.update()
        if loop.step % every == 0 or loop.step == training.steps:
            steps.append(loop.step)
            losses.append(gradient.losses)
            progress(loop.step)
    return LossCurve(steps, torch.stack(losses).cpu())
