"""How the learning rate changes over the steps."""

from __future__ import annotations

from math import cos, pi

from seqwright.core.spec import Spec


class ConstantRate(Spec):
    """The same rate from the first step to the last."""

    def factor(self, step: int) -> float:
        return 1.0


class RateDrop(Spec):
    """The rate times ``by`` from step ``at`` on.

    >>> [RateDrop(at=2).factor(step) for step in (0, 1, 2, 3)]
    [1.0, 1.0, 0.1, 0.1]
    """

    at: int
    by: float = 0.1

    def factor(self, step: int) -> float:
        return self.by if step >= self.at else 1.0


class WarmupCosine(Spec):
    """Linearly up over ``warmup`` steps, then down a half cosine to ``floor`` of the peak at step ``steps``."""

    warmup: int
    steps: int
    floor: float = 0.0

    def factor(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * done))


class InverseSquareRoot(Spec):
    """Linearly up over ``warmup`` steps, then down as 1/√step (Vaswani et al. 2017, eq. 3, scaled to a peak of 1).

    >>> [round(InverseSquareRoot(warmup=4).factor(step), 2) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """

    warmup: int

    def factor(self, step: int) -> float:
        return min((step + 1) / max(1, self.warmup), (max(1, self.warmup) / (step + 1)) ** 0.5)


ScheduleSpec = ConstantRate | RateDrop | WarmupCosine | InverseSquareRoot
