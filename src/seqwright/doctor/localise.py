"""The module in which a fault first shows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor.model_input import ModelInput
from seqwright.doctor.model_under_test import ModelCopy
from seqwright.doctor.run_modes import EVAL, RunMode

ModuleRecord = tuple[str, list[Tensor], list[Tensor]]
"""A module's name, the floating-point tensors of its input, and those of its output."""


def record_modules(copy: ModelCopy, batch: ModelInput, mode: RunMode = EVAL) -> list[ModuleRecord]:
    """Run a batch and return what each submodule read and returned, in the order in which they return."""
    records: list[ModuleRecord] = []

    def recorder(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            records.append((name, _floating((args, kwargs)), _floating(out)))

        return hook

    with copy.running(mode) as module:
        named = [(name, each) for name, each in module.named_modules() if name]
        hooks = [each.register_forward_hook(recorder(name), with_kwargs=True) for name, each in named]
        try:
            copy.call(module, batch.to(copy.device))
        finally:
            for hook in hooks:
                hook.remove()
    return records


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
    for (name, inputs, outputs), (_, other_inputs, other_outputs) in zip(first, second, strict=True):
        change = _change_at(outputs, other_outputs, position, length)
        if (
            change is not None
            and change > 1e-9
            and not (_change_at(inputs, other_inputs, position, length) or 0) > 1e-9
        ):
            return name
    return ""


def _change_at(tensors: list[Tensor], others: list[Tensor], position: int, length: int) -> float | None:
    """Return how much tensors ``[1 t …]`` differ at a position; ``None`` where there are none of that shape."""
    changes = [
        (one[0, position] - other[0, position]).abs().max().item()
        for one, other in zip(tensors, others, strict=False)
        if one.shape == other.shape and one.ndim >= 3 and one.shape[0] == 1 and one.shape[1] == length
    ]
    return max(changes, default=None)
