"""Looking into a forward pass: a probe is offered named tensors on their way through, and may watch or edit them.

Names are the dotted path of the module that offers the tensor, then the tensor's own name, e.g.
``decoder.blocks.0.cross.weights``. A probe is an argument of the forward, never a hook or a module's
state, so a watched pass is the same computation as an unwatched one, also inside ``torch.func`` transforms: there
the probe is made inside the transformed function and what it saw is returned from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Probe(Protocol):
    """What a forward pass offers its tensors to."""

    def wants(self, name: str) -> bool:
        """Whether this tensor is worth computing: attention weights are not formed for nobody."""
        ...

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """Receive a tensor; what is returned takes its place."""
        ...


class Silent:
    """Nobody is looking."""

    def wants(self, name: str) -> bool:
        return False

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return x


SILENT = Silent()


class Record:
    """Keeps every tensor whose name ends with one of the given endings (all of them by default).

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
    """Replaces the tensors that have exactly this name by a function of them (ablate a head, add noise)."""

    def __init__(self, name: str, function: Callable[[Tensor], Tensor]) -> None:
        self.name, self.function = name, function

    def wants(self, name: str) -> bool:
        return name == self.name

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return self.function(x) if name == self.name else x


class _Within:
    """A probe as seen by one module: it puts the module's path before the names that the module uses."""

    def __init__(self, probe: Probe, path: str) -> None:
        self.probe, self.path = probe, path

    def wants(self, name: str) -> bool:
        return self.probe.wants(f"{self.path}.{name}")

    def __call__(self, name: str, x: Tensor) -> Tensor:
        return self.probe(f"{self.path}.{name}", x)


def within(probe: Probe, path: str) -> Probe:
    """The probe to hand to the part that stands at ``path``."""
    return probe if isinstance(probe, Silent) else _Within(probe, path)
