"""The selector: which of the weights that are evaluated during training are kept, and when to stop waiting for better ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Evaluated(Protocol):
    """The measurements of an evaluation: mean loss, and the fraction of ``rows`` answered exactly where rows are answered."""

    @property
    def loss(self) -> float: ...

    @property
    def exact_match(self) -> float | None: ...

    @property
    def rows(self) -> int: ...


class Selector:
    """Chooses the weights that are kept.

    By exact match, the latest weights are kept among those that chance alone may separate from the highest (after the one
    standard error rule of Breiman et al. 1984, §3.4.3): on a few hundred dev rows the highest is mostly luck, and later
    weights were trained at a lower rate. Until a row is answered exactly, and with ``by="loss"``, less loss is better.

    Attributes:
        best_step: the step of the kept weights, 0 while there are none; ``best_loss`` and ``best_exact_match`` are theirs.
        highest: the highest exact match of all evaluations; that of the kept weights may be a little lower.
        waited: the number of evaluations since weights were kept.
    """

    def __init__(self, by: Literal["exact_match", "loss"] = "exact_match") -> None:
        self.by = by
        self.best_step = self.waited = 0
        self.best_loss: float | None = None
        self.best_exact_match: float | None = None
        self.highest = 0.0

    def better(self, measured: Evaluated) -> bool:
        """Return whether weights with these measurements would be kept."""
        highest = self._highest(measured)
        if highest:
            assert measured.exact_match is not None, "there is no exact match to compare"
            return measured.exact_match >= highest - (highest * (1 - highest) / measured.rows) ** 0.5
        return self.best_loss is None or measured.loss < self.best_loss

    def evaluated(self, step: int, measured: Evaluated) -> bool:
        """Take in the evaluation after a step; return whether its weights are to be kept.

        >>> from types import SimpleNamespace
        >>> selector = Selector()
        >>> [selector.evaluated(step, SimpleNamespace(loss=1.0, exact_match=match, rows=100))
        ...  for step, match in enumerate((0.70, 0.74, 0.71, 0.60), 1)]  # one standard error of 0.74 is 0.044
        [True, True, True, False]
        >>> selector.best_step, selector.highest, selector.waited
        (3, 0.74, 1)
        """
        better = self.better(measured)
        self.highest = self._highest(measured)
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best_step, self.best_loss, self.best_exact_match = step, measured.loss, measured.exact_match
        return better

    def _highest(self, measured: Evaluated) -> float:
        return max(self.highest, measured.exact_match or 0.0) if self.by == "exact_match" else 0.0

    def state(self) -> dict[str, Tensor]:
        """Return all numbers that are known."""
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state.

        Raises:
            ValueError: a number is missing.
        """
        if not state.keys() >= self.state().keys():
            raise ValueError("a number is missing")
        for name, value in state.items():
            setattr(self, name, int(value) if isinstance(vars(self)[name], int) else value.item())
