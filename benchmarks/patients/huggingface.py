"""Building and changing Hugging Face models from configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from .case import Subject

VOCABULARY = 32
PLACES = 32
IGNORED = -100


def become(model: nn.Module, ours: type[nn.Module], *, only_last: bool = False) -> None:
    """Give the parts of a class's base that class, as if the model had been written with it."""
    parts = [part for part in model.modules() if type(part) is ours.__base__]
    for part in parts[-1:] if only_last else parts:
        part.__class__ = ours


def changed(healthy: Callable[[int], Subject], change: Callable[[Any], object]) -> Callable[[int], Subject]:
    """Return a builder of subjects whose models are changed."""

    def build(seed: int) -> Subject:
        subject = healthy(seed)
        change(subject.model)
        return subject

    return build


def with_own_head(model: nn.Module) -> None:
    """Replace the head by one of its own, against the configuration."""
    model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
