"""How the learning rate changes over the steps.

A schedule gives, for each of ``steps`` steps, a factor of the highest rate. How many steps there are is the training's to
say, so a schedule stretches with it.
"""

from __future__ import annotations

from math import cos, pi

from seqwright.core.spec import Count, Rate, Spec


class ConstantRate(Spec):
    """The same rate from the first step to the last."""

    def factor(self, step: int, steps: int) -> float:
        return 1.0


class RateDrop(Spec):
    """The rate times ``by`` from step ``at`` on.

    >>> [RateDrop(at=2).factor(step, 4) for step in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    """

    at: Count
    by: float = 0.1

    def factor(self, step: int, steps: int) -> float:
        return self.by if step >= self.at else 1.0


class WarmupCosine(Spec):
    """Linearly up over the first part of all steps, then down a half cosine (Loshchilov and Hutter 2017, eq. 5).

    >>> [round(WarmupCosine(warmup=0.5).factor(step, 8), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]

    Attributes:
        warmup: which part of the steps that is.
        floor: what part of the highest rate is left at the end.
    """

    warmup: Rate = 0.1
    floor: Rate = 0.0

    def factor(self, step: int, steps: int) -> float:
        rising = self.warmup * steps
        if step < rising:
            return min(1.0, (step + 1) / rising)
        done = min(1.0, (step - rising) / max(1.0, steps - rising))
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * done))


class InverseSquareRoot(Spec):
    """Linearly up over ``warmup`` steps, then down as 1/√step (Vaswani et al. 2017, eq. 3, scaled to a peak of 1).

    >>> [round(InverseSquareRoot(warmup=4).factor(step, 16), 2) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """

    warmup: Count

    def factor(self, step: int, steps: int) -> float:
        return min((step + 1) / self.warmup, (self.warmup / (step + 1)) ** 0.5)


ScheduleSpec = ConstantRate | RateDrop | WarmupCosine | InverseSquareRoot
