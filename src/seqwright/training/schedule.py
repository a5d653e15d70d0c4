"""Learning rate schedules."""

from __future__ import annotations

from abc import abstractmethod
from math import cos, pi

from seqwright.core.place import Place
from seqwright.core.spec import Count, Rate, Spec


class Schedule(Place):
    """A learning rate schedule: a factor of the highest rate for each step."""

    __slots__ = ()

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """Return the factor for a step, counted from 0, of a training of ``steps`` steps."""


class ConstantRate(Spec, Schedule):
    """The same rate from the first step to the last."""

    def factor(self, step: int, steps: int) -> float:
        return 1.0


class RateDrop(Spec, Schedule):
    """A rate that is multiplied by ``by`` from step ``at`` on.

    >>> [RateDrop(at=2).factor(step, 4) for step in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    """

    at: Count
    by: float = 0.1

    def factor(self, step: int, steps: int) -> float:
        return self.by if step >= self.at else 1.0


class WarmupCosine(Spec, Schedule):
    """A linear warm-up over a fraction of all steps, then half a cosine down (Loshchilov and Hutter 2017, eq. 5).

    >>> [round(WarmupCosine(warmup=0.5).factor(step, 8), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]

    Attributes:
        warmup: the fraction of the steps that warm up.
        floor: the fraction of the highest rate that is left at the end.
    """

    warmup: Rate = 0.1
    floor: Rate = 0.0

    def factor(self, step: int, steps: int) -> float:
        rising = self.warmup * steps
        if step < rising:
            return min(1.0, (step + 1) / rising)
        done = min(1.0, (step - rising) / max(1.0, steps - rising))
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * done))


class InverseSquareRoot(Spec, Schedule):
    """A linear warm-up over ``warmup`` steps, then a decrease with 1/√step (Vaswani et al. 2017, eq. 3, scaled to a peak of 1).

    >>> [round(InverseSquareRoot(warmup=4).factor(step, 16), 2) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """

    warmup: Count

    def factor(self, step: int, steps: int) -> float:
        return min((step + 1) / self.warmup, (self.warmup / (step + 1)) ** 0.5)
