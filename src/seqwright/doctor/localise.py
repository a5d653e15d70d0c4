"""Where inside a model something first shows: the first module whose output moves though nothing that it was given did."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor.model_under_test import Body
from seqwright.doctor.modes import EVAL, Mode
from seqwright.doctor.reading import ModelInput


def watched(body: Body, reading: ModelInput, mode: Mode = EVAL) -> list[tuple[str, list[Tensor], list[Tensor]]]:
    """For each module as it returns: its name, the floating tensors it was given, and those it gave."""
    seen: list[tuple[str, list[Tensor], list[Tensor]]] = []
    with body.ready(mode) as module:
        hooks = [
            each.register_forward_hook(_recorder(name, seen), with_kwargs=True)
            for name, each in module.named_modules()
            if name
        ]
        try:
            body.call(module, reading.to(body.device))
        finally:
            for hook in hooks:
                hook.remove()
    return seen


def _recorder(name: str, seen: list[tuple[str, list[Tensor], list[Tensor]]]) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
        seen.append((name, _floating((args, kwargs)), _floating(out)))

    return hook


def _floating(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        if value.is_nested or value.is_sparse:
            return []
        return [value.detach().to("cpu", torch.float64)] if value.is_floating_point() else []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for each in value for tensor in _floating(each)]
    return []


def first_leak(body: Body, before: ModelInput, after: ModelInput, place: int, mode: Mode = EVAL) -> str:
    """The name of the first module whose output at a place moves between two readings, its inputs there being the same.

    Empty where modules' outputs cannot be told by place, or the fault lies between modules.
    """
    try:
        one, other = watched(body, before, mode), watched(body, after, mode)
    except Exception:
        return ""
    if [name for name, *_ in one] != [name for name, *_ in other]:
        return ""
    length = before.ids.shape[1]
    for (name, given, gave), (_, given_too, gave_too) in zip(one, other, strict=True):
        moved = _moved(gave, gave_too, place, length)
        if moved is not None and moved > 1e-9 and not (_moved(given, given_too, place, length) or 0) > 1e-9:
            return name
    return ""


def _moved(some: list[Tensor], others: list[Tensor], place: int, length: int) -> float | None:
    """How far the rows of tensors ``[1 t …]`` move at a place."""
    told = None
    for one, other in zip(some, others, strict=False):
        if one.shape == other.shape and one.ndim >= 3 and one.shape[0] == 1 and one.shape[1] == length:
            moved = (one[0, place] - other[0, place]).abs().max().item()
            told = moved if told is None else max(told, moved)
    return told
