"""What the patients from Hugging Face have in common: they are built from configs, and changed where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from .case import Subject

VOCABULARY = 32
PLACES = 32
IGNORED = -100


def become(model: nn.Module, ours: type[nn.Module], *, only_last: bool = False) -> None:
    """Let the parts that are of the class's base be of the class itself, as if the model had been written with it."""
    parts = [part for part in model.modules() if type(part) is ours.__base__]
    for part in parts[-1:] if only_last else parts:
        part.__class__ = ours


def changed(healthy: Callable[[int], Subject], change: Callable[[Any], object]) -> Callable[[int], Subject]:
    """Subjects whose model something was done to."""

    def build(seed: int) -> Subject:
        subject = healthy(seed)
        change(subject.model)
        return subject

    return build


def with_own_head(model: nn.Module) -> None:
    """The config says tied, and after surgery the head is not."""
    model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
