"""The trainer: the same steps for one model, for an ensemble of hundreds, and for several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.spec import Above, Count, Spec
from seqwright.data.batch import Batch
from seqwright.training.objective import CrossEntropy, Objective
from seqwright.training.optimiser import Adam, Optimiser, optimizer_state, restore_optimizer
from seqwright.training.schedule import ConstantRate, Schedule


class TrainingSpec(Spec):
    """The settings of a training.

    Attributes:
        steps: the number of steps, at most.
        max_epochs: the number of epochs, at most; ``None`` for any. Only a run heeds it.
        rate: the highest learning rate.
        schedule: the factor of the learning rate at each step.
        objective: the quantity that is minimised.
        optimiser: the rule that turns gradients into steps.
        clip: the norm to which a longer gradient is shortened (Pascanu et al. 2013); ``None`` for no limit.
        accumulate: the number of batches in a step. Their losses are summed and divided by the count over all of them.
        precision: the floating-point format; with bfloat16, of matrix products only, and parameters are float32.
    """

    steps: Count
    max_epochs: Count | None = None
    rate: Above = 0.01
    schedule: Schedule = ConstantRate()
    objective: Objective = CrossEntropy()
    optimiser: Optimiser = Adam()
    clip: Above | None = None
    accumulate: Count = 1
    precision: Literal["float32", "float64", "bfloat16"] = "float32"


class Trainable(ABC):
    """One model, or many members side by side that have no parameter in common, as a trainer needs them."""

    @abstractmethod
    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters by name."""

    def optimizer(self, optimiser: Optimiser, rate: float) -> torch.optim.Optimizer:
        """Build the optimiser of the parameters."""
        return optimiser.build(self.named_parameters(), rate)

    def count(self, batches: list[Batch], objective: Objective) -> Tensor:
        """Return the number of labels that count, over all batches and processes."""
        return torch.stack([objective.count(batch.labels) for batch in batches]).sum()

    @abstractmethod
    def losses(self, batch: Batch, objective: Objective, count: Tensor) -> Float[Tensor, "n"]:
        """Return each member's loss on the batch, as its share of a step of ``count`` labels."""

    def gathered(self, losses: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Return the losses of a step, summed over all processes."""
        return losses

    @abstractmethod
    def clip(self, limit: float) -> Float[Tensor, "n"]:
        """Shorten each member's gradient to ``limit``; return the norms that they had."""


class SingleModel(Trainable):
    """One model as a trainable."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        return dict(self.model.named_parameters())

    def losses(self, batch: Batch, objective: Objective, count: Tensor) -> Tensor:
        output, _ = self.model(batch.target, batch.source)
        return (objective.total(output, batch.labels) / count)[None]

    def clip(self, limit: float) -> Tensor:
        return nn.utils.clip_grad_norm_(self.model.parameters(), limit, foreach=True)[None]


@dataclass(frozen=True)
class Gradient:
    """The gradient of a step: each member's loss ``[n]``, and the norm of its gradient where norms are limited."""

    losses: Float[Tensor, "n"]
    norms: Float[Tensor, "n"] | None

    @property
    def finite(self) -> bool:
        """True where every loss, and every norm there is, is finite."""
        return bool(self.losses.isfinite().all()) and (self.norms is None or bool(self.norms.isfinite().all()))


class Trainer:
    """Takes the steps of a training: gradient, then update.

    Args:
        trainable: the model or models; their parameters change in place.
        training: the settings.
    """

    def __init__(self, trainable: Trainable, training: TrainingSpec) -> None:
        self.trainable, self.training = trainable, training
        self.optimizer = trainable.optimizer(training.optimiser, training.rate)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.step = 0

    @property
    def factor(self) -> float:
        """The schedule's factor of the learning rate for the next step."""
        return self.training.schedule.factor(self.step, self.training.steps)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.training.rate * self.factor

    def gradient(self, batches: list[Batch]) -> Gradient:
        """Compute losses and gradients of one step over the batches."""
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
        factor = self.factor
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.step()
        self.step += 1

    def state(self) -> dict[str, Tensor]:
        """Return the number of steps and the optimiser's state, under the parameters' names."""
        kept = optimizer_state(self.optimizer, self.trainable.named_parameters())
        return {"step": torch.tensor(self.step)} | {f"optimizer.{name}": value for name, value in kept.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state; the parameters are restored apart from it.

        Raises:
            ValueError: it is of other parameters, or beyond the last step.
        """
        step = int(state["step"])
        if not 0 <= step <= self.training.steps:
            raise ValueError(f"step {step} is beyond the last")
        kept = {name.removeprefix("optimizer."): value for name, value in state.items() if name != "step"}
        elementwise = self.training.optimiser.elementwise
        restore_optimizer(self.optimizer, self.trainable.named_parameters(), kept, elementwise=elementwise)
        self.step = step

    def _precision(self, batch: Batch) -> AbstractContextManager[object]:
        if self.training.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(batch.labels.device.type, torch.bfloat16)


@dataclass(frozen=True)
class LossCurve:
    """Losses in training mode, at evenly spaced steps and at the last: ``steps [p]`` and ``losses [p n]``."""

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
        trainable: a model (:class:`SingleModel`) or an ensemble; its parameters change in place.
        batches: an endless iterator, of which each step takes ``training.accumulate``.
        training: the settings.
        points: the number of losses to keep, evenly spaced.
        progress: a function that is called with the number of steps done, at each of these points.
    """
    trainer = Trainer(trainable, training)
    every = max(1, training.steps // points)
    steps: list[int] = []
    losses: list[Tensor] = []
    while trainer.step < training.steps:
        gradient = trainer.gradient([next(batches) for _ in range(training.accumulate)])
        trainer.update()
        if trainer.step % every == 0 or trainer.step == training.steps:
            steps.append(trainer.step)
            losses.append(gradient.losses)
            progress(trainer.step)
    return LossCurve(steps, torch.stack(losses).cpu())
