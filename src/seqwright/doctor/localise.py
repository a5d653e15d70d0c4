"""The module in which a fault first shows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor.model_input import ModelInput
from seqwright.doctor.model_under_test import ModelCopy
from seqwright.doctor.run_modes import EVAL, RunMode

ModuleRecord = tuple[str, Any, Any]
"""A module's name, its arguments ``(args, kwargs)``, and its output."""


def record_modules(
    copy: ModelCopy, batch: ModelInput, mode: RunMode = EVAL, kind: type[nn.Module] = nn.Module
) -> list[ModuleRecord]:
    """Run a batch and return what each submodule of a kind read and returned, in the order in which they return."""
    records: list[ModuleRecord] = []

    def recorder(name: str) -> Any:
        return lambda module, args, kwargs, output: records.append((name, (args, kwargs), output))

    with copy.running(mode) as module:
        named = [(name, each) for name, each in module.named_modules() if name and isinstance(each, kind)]
        hooks = [each.register_forward_hook(recorder(name), with_kwargs=True) for name, each in named]
        try:
            copy.call(module, batch.to(copy.device))
        finally:
            for hook in hooks:
                hook.remove()
    return records


def floating(value: Any) -> list[Tensor]:
    """Return the floating-point tensors inside a value, in double precision on the CPU."""
    if isinstance(value, Tensor):
        kept = value.is_floating_point() and not (value.is_nested or value.is_sparse)
        return [value.detach().to("cpu", torch.float64)] if kept else []
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for each in value for tensor in floating(each)] if isinstance(value, (list, tuple)) else []


def first_changed_module(
    copy: ModelCopy, before: ModelInput, after: ModelInput, position: int, mode: RunMode = EVAL
) -> str:
    """Return the first module whose output at a position differs between two batches though its input there is the same.

    The name is empty where outputs cannot be assigned to positions, or the fault lies between modules.
    """
    try:
        first, second = record_modules(copy, before, mode), record_modules(copy, after, mode)
    except Exception:
        return ""
    if [name for name, *_ in first] != [name for name, *_ in second]:
        return ""
    length = before.ids.shape[1]
    for (name, *values), (_, *others) in zip(first, second, strict=True):
        read, returned = (_change_at(*pair, position, length) for pair in zip(values, others, strict=True))
        if returned > 1e-9 and not read > 1e-9:
            return name
    return ""


def _change_at(value: Any, other: Any, position: int, length: int) -> float:
    """Return the greatest difference of tensors ``[1 t …]`` at a position; 0 where there are none of that shape."""
    changes = [
        (one[0, position] - another[0, position]).abs().max().item()
        for one, another in zip(floating(value), floating(other), strict=False)
        if one.shape == another.shape and one.ndim >= 3 and one.shape[0] == 1 and one.shape[1] == length
    ]
    return max(changes, default=0.0)
