"""Optimisers, and their state under the names of the parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place
from seqwright.core.spec import Above, Rate, Spec


class Optimiser(Place):
    """A rule that turns gradients into steps."""

    __slots__ = ()

    @property
    def elementwise(self) -> bool:
        """True where each element moves by its own gradients alone, so that many models can be trained as one vector.

        All that such an optimiser keeps of a parameter has the parameter's shape, or is a number.
        """
        return False

    @abstractmethod
    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Build the optimiser of the named parameters, with ``rate`` as its highest learning rate.

        The learning rate of each parameter group is multiplied by the schedule's factor at every step. All state that it
        keeps of a parameter must be tensors and numbers, so that a checkpoint can hold it.
        """


class Adam(Spec, Optimiser):
    """Adam (Kingma and Ba 2015); with ``decay``, AdamW, which shrinks weights by rate × decay a step (Loshchilov and Hutter 2019).

    As in nanoGPT, only tables and matrices decay, not biases and norms.
    """

    beta1: Rate = 0.9
    beta2: Rate = 0.999
    epsilon: Above = 1e-8
    decay: Rate = 0.0

    @property
    def elementwise(self) -> bool:
        return True

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        options = {"lr": rate, "betas": (self.beta1, self.beta2), "eps": self.epsilon, "fused": True}
        if not self.decay:
            return torch.optim.Adam(parameters.values(), **options)
        return torch.optim.AdamW(_decay_groups(parameters, self.decay), **options)


class SGD(Spec, Optimiser):
    """Stochastic gradient descent with heavy-ball momentum (Polyak 1964; Sutskever et al. 2013).

    Only tables and matrices have ``decay``, which adds decay × weight to the gradient.
    """

    momentum: Rate = 0.0
    nesterov: bool = False
    decay: Rate = 0.0

    @property
    def elementwise(self) -> bool:
        return True

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        if self.nesterov and not self.momentum:
            raise SeqwrightError("SGD with nesterov=true needs momentum", fix="set momentum above 0")
        groups = _decay_groups(parameters, self.decay)
        return torch.optim.SGD(groups, lr=rate, momentum=self.momentum, nesterov=self.nesterov)


class Frozen(Spec, Optimiser):
    """An optimiser that leaves some parameters as they are.

    Attributes:
        optimiser: the optimiser of all other parameters.
        names: patterns of the names of parameters that are not trained, such as ``encoder.*`` (:mod:`fnmatch`).
    """

    optimiser: Optimiser
    names: tuple[str, ...]

    @property
    def elementwise(self) -> bool:
        return self.optimiser.elementwise

    def build(self, parameters: Mapping[str, nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Build the inner optimiser of the parameters that no pattern matches; those that match need no gradient any more.

        Raises:
            SeqwrightError: a pattern matches no parameter, or all parameters are matched.
        """
        for pattern in self.names:
            if not any(fnmatchcase(name, pattern) for name in parameters):
                raise SeqwrightError(
                    f"Frozen: no parameter is called {pattern}", fix=f"the parameters are: {', '.join(parameters)}"
                )
        trained = {}
        for name, parameter in parameters.items():
            if any(fnmatchcase(name, pattern) for pattern in self.names):
                parameter.requires_grad_(False)
            else:
                trained[name] = parameter
        if not trained:
            raise SeqwrightError("Frozen: every parameter is frozen", fix="leave some out of its names")
        return self.optimiser.build(trained, rate)


def _decay_groups(parameters: Mapping[str, nn.Parameter], decay: float) -> list[dict[str, Any]]:
    groups = [
        {"params": [p for p in parameters.values() if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters.values() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


NUMBER = ":number"
"""The end of the name of an entry that is a Python number and not a tensor."""


def optimizer_state(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return all that an optimiser keeps, under ``parameter.entry``.

    Raises:
        SeqwrightError: it keeps something that is neither a tensor nor a number.
    """
    names = _names_by_index(optimizer, parameters)
    state: dict[str, Tensor] = {}
    for index, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            name = f"{names[index]}.{key}"
            if isinstance(value, Tensor):
                state[name] = value
            elif isinstance(value, int | float):
                state[name + NUMBER] = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
            elif value is not None:
                raise SeqwrightError(
                    f"{type(optimizer).__name__} keeps a {type(value).__name__} ({key}), which a checkpoint cannot hold",
                    fix="choose an optimiser whose state is tensors and numbers",
                )
    return state


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], state: Mapping[str, Tensor],
    *, elementwise: bool = False,
) -> None:  # fmt: skip
    """Give an optimiser the state that :func:`optimizer_state` returned, in any order and on any device.

    Raises:
        ValueError: an entry is of a parameter that is not trained, or (where ``elementwise``) of another shape.
    """
    names = _names_by_index(optimizer, parameters)
    indices = {name: index for index, name in names.items()}
    entries: dict[int, dict[str, Any]] = {}
    for full_name, value in state.items():
        name, _, key = full_name.rpartition(".")
        if name not in indices:
            raise ValueError(f"{name or full_name} is not a parameter that is trained")
        if elementwise and value.dim() and value.shape != parameters[name].shape:
            raise ValueError(f"{full_name} has another shape than its parameter")
        number = key.endswith(NUMBER)
        entries.setdefault(indices[name], {})[key.removesuffix(NUMBER)] = value.item() if number else value
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
    for index, loaded in optimizer.state_dict()["state"].items():
        for key, value in entries[index].items():
            if isinstance(value, Tensor):  # torch rounds some to the parameter's precision; the saved values are exact
                loaded[key] = value.to(loaded[key].device)


def _names_by_index(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[int, str]:
    """Name the parameters by the numbers that the optimiser's ``state_dict`` uses."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {index: names[id(parameter)] for index, parameter in enumerate(trained)}
