"""How gradients become steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from seqwright.core.spec import Above, Rate, Spec


class Adam(Spec):
    """Adam (Kingma and Ba 2015); with ``decay``, weights also shrink by rate × decay a step (Loshchilov and Hutter 2019).

    As nanoGPT does, only tables and matrices shrink, not biases and norms.
    """

    beta1: Rate = 0.9
    beta2: Rate = 0.999
    epsilon: Above = 1e-8
    decay: Rate = 0.0

    def build(self, parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """An optimiser of these parameters."""
        options = {"lr": rate, "betas": (self.beta1, self.beta2), "eps": self.epsilon, "fused": True}
        if not self.decay:
            return torch.optim.Adam(parameters, **options)
        listed = list(parameters)
        groups = [
            {"params": [p for p in listed if p.dim() > 1], "weight_decay": self.decay},
            {"params": [p for p in listed if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW([group for group in groups if group["params"]], **options)


OptimiserSpec = Adam
