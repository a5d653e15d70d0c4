"""Copies of a model: the user's own is never run."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError


def deep_copy(model: nn.Module) -> nn.Module:
    """Copy a model, also one whose attributes hold tensors that are part of a graph.

    Raises:
        SeqwrightError: it holds something that cannot be copied.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            for tensor in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(tensor, Tensor) and not tensor.is_leaf:
                    memo[id(tensor)] = tensor.detach().clone()
    try:
        twin = copy.deepcopy(model, memo)
    except Exception as error:
        raise SeqwrightError(
            f"the model cannot be copied ({type(error).__name__}: {error}), and only copies are examined",
            fix="remove from it what cannot be copied, such as locks and open files",
        ) from error
    for parameter in twin.parameters():
        parameter.grad = None
    return twin


def copy_in_precision(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Copy a model in another precision."""
    twin = deep_copy(model).to(dtype)
    for module in twin.modules():  # `to` converts parameters and buffers only
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor) and value.is_floating_point():
                setattr(module, name, value.detach().to(dtype).requires_grad_(value.requires_grad))
            elif isinstance(value, list) and any(isinstance(each, nn.Module) for each in value):
                for each in value:
                    if isinstance(each, nn.Module):
                        each.to(dtype)
    return twin


def reinitialised_copy(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Copy a model and draw its trainable parameters again, matrices at a scale that keeps the length of vectors.

    Frozen parameters stay: they may be a mask or a table of positions.
    """
    twin = copy_in_precision(model, dtype)
    generator = torch.Generator().manual_seed(0)
    for parameter in twin.parameters():
        if not (parameter.requires_grad and parameter.is_floating_point()):
            continue
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if parameter.ndim >= 2:
            fan_in = max(1, parameter.numel() // parameter.shape[0])
            drawn = noise * fan_in**-0.5
        else:
            drawn = 1 + 0.1 * noise if bool((parameter.detach() > 0).all()) else 0.1 * noise
        parameter.data.copy_(drawn.to(parameter.dtype))
    return twin


def scaled_copy(model: nn.Module, factor: float) -> nn.Module:
    """Copy a model and multiply its trainable matrices, so that attention scores grow as in training, only more."""
    twin = deep_copy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            if parameter.requires_grad and parameter.ndim >= 2:
                parameter.mul_(factor)
    return twin
