"""Optimisers that keep what torch's common ones do not; ``examples/extend/lion.py`` is a usual one from outside."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from seqwright.core.spec import Spec
from seqwright.training.optimiser import Optimiser


class LBFGS(Spec, Optimiser):
    """Limited-memory BFGS, which keeps lists."""

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(parameters.values(), lr=rate)


class OwnRule(Spec, Optimiser):
    """See :class:`MatricesFirst`; its parameters are in another order than the model's."""

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        return MatricesFirst(list(parameters.values())[::-1], rate)


class MatricesFirst(torch.optim.Optimizer):
    """A rule of one's own that counts in Python numbers, and keeps nothing of vectors."""

    def __init__(self, parameters: list[nn.Parameter], rate: float) -> None:
        groups = [
            {"params": [p for p in parameters if p.dim() > 1]},
            {"params": [p for p in parameters if p.dim() < 2]},
        ]
        super().__init__(groups, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.dim() > 1:
                    state = self.state[p]
                    state["count"] = state.get("count", 0) + 1
                    state["scale"] = state.get("scale", 0.1) * 1.1
                    state["steps"] = state.get("steps", torch.tensor(2**25, dtype=torch.int64)) + 1
                    state["sign"] = p.grad.sign().to(torch.int8)
                    p.sub_(p.grad * group["lr"] * state["scale"] / state["count"] ** 0.5)
                    p.sub_(state["sign"] * group["lr"] * (state["steps"] % 3))
                else:
                    p.sub_(p.grad, alpha=group["lr"])
