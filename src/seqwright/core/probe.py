"""Probes: observe or edit named tensors of a forward pass.

Names are the dotted path of the module that offers the tensor, then the tensor's own name, e.g.
``decoder.blocks.0.cross.weights``. A probe is an argument of the forward pass, never a hook or a module's
state, so an observed pass is the same computation as an unobserved one. Inside ``torch.func`` transforms, create the
probe inside the transformed function and return the tensors that it recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Probe(Protocol):
    """An observer of a forward pass, called with each named tensor."""

    def wants(self, name: str) -> bool:
        """Return whether the probe needs this tensor; unneeded attention weights are never computed."""
        ...

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Receive a tensor and return the one that the forward pass continues with."""
        ...


class Silent:
    """A probe that needs no tensor."""

    def wants(self, name: str) -> bool:
        return False

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return x


SILENT = Silent()


class Record:
    """A probe that keeps every tensor whose name ends with one of the given endings (by default, every tensor).

    Several passes (the steps of a generation) append to the same list.

    >>> import torch
    >>> record = Record("weights")
    >>> x = record("encoder.blocks.0.mixer.weights", torch.ones(1))
    >>> list(record.seen)
    ['encoder.blocks.0.mixer.weights']
    """

    def __init__(self, *endings: str) -> None:
        self.endings = endings or ("",)
        self.seen: dict[str, list[Tensor]] = {}

    def wants(self, name: str) -> bool:
        return name.endswith(self.endings)

    def __call__(self, name: str, x: Tensor) -> Tensor:
        if self.wants(name):
            self.seen.setdefault(name, []).append(x)
        return x


class Edit:
    """A probe that replaces the tensors of exactly this name by a function of them (ablate a head, add noise)."""

    def __init__(self, name: str, function: Callable[[Tensor], Tensor]) -> None:
        self.name, self.function = name, function

    def wants(self, name: str) -> bool:
        return name == self.name

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return self.function(x) if name == self.name else x


class _Within:
    """A probe for one module, which puts the module's path before the names that the module uses."""

    def __init__(self, probe: Probe, path: str) -> None:
        self.probe, self.path = probe, path

    def wants(self, name: str) -> bool:
        return self.probe.wants(f"{self.path}.{name}")

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return self.probe(f"{self.path}.{name}", x)


def within(probe: Probe, path: str) -> Probe:
    """Return the probe to pass to the submodule at ``path``."""
    return probe if isinstance(probe, Silent) else _Within(probe, path)
