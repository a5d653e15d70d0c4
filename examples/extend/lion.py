r"""An optimiser: Lion, which moves every element by the learning rate, up or down (Chen et al. 2023, algorithm 2).

    seqwright --import examples/extend/lion.py train examples/data/icelandic-train.tsv --split-target-on ' ' \
        --out lion --set 'training.optimiser={"type":"Lion","decay":0.1}' --set training.rate=0.0005

Its rate is 3 to 10 times lower than Adam's. A run that is stopped and resumed takes the same steps to the last bit: all that
an optimiser keeps in ``self.state`` as tensors and numbers is in every checkpoint, under the names of the parameters.
"""

from collections.abc import Mapping

import torch
from torch import nn

from seqwright.core.spec import Rate, Spec
from seqwright.training.optimiser import Optimiser


class Lion(Spec, Optimiser):
    """Steps of one size, in the direction of the sign of a mean of the gradients, with decoupled weight decay."""

    beta1: Rate = 0.9
    beta2: Rate = 0.99
    decay: Rate = 0.0

    @property
    def elementwise(self) -> bool:
        return True  # each element moves by its own gradients alone, so studies can train many models as one vector

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        group = {"params": list(parameters.values()), "betas": (self.beta1, self.beta2), "decay": self.decay}
        return SignSteps([group], lr=rate)


class SignSteps(torch.optim.Optimizer):
    """See :class:`Lion`."""

    def __init__(self, groups: list, lr: float = 1e-4) -> None:
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            rate, (beta1, beta2) = group["lr"], group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                parameter.mul_(1 - rate * group["decay"])
                parameter.sub_(rate * torch.lerp(parameter.grad, mean, beta1).sign())
                mean.lerp_(parameter.grad, 1 - beta2)
