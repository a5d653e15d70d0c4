"""Ways past ``vmap``: for functions that take a stack of models in one call, and for what all members share.

``torch.autograd.Function`` has a public way to do this (a ``vmap`` static method), but it spends some 200 µs of Python on
every call: as long as the work itself. What is done here is what that way does in the end, and nothing else. This is
the one place that knows functorch from inside; the laws run it on every torch that is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]


def mapped() -> bool:
    """Return whether a transform of ``torch.func``, such as ``vmap`` over members, is under way."""
    return _functorch.peek_interpreter_stack() is not None


def lifted(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """``function(*inputs)``, called once for all members where ``vmap`` maps over members.

    The function then receives tensors with the members as one more dimension on the left, and returns such a tensor. Numbers
    that all members share are repeated (without a copy); whole numbers and Booleans come as they are.
    """
    layer = _functorch.peek_interpreter_stack()
    if layer is None or layer.key() != _functorch.TransformType.Vmap:
        return function(*inputs)
    level, members = layer.level(), _functorch.CVmapInterpreterPtr(layer).batchSize()

    def stacked(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        x, dimension = _functorch._unwrap_batched(x, level)
        if dimension is not None:
            return x if dimension == 0 else x.movedim(dimension, 0)
        return x.expand(members, *x.shape) if x.is_floating_point() else x

    physical = [stacked(x) for x in inputs]
    popped = _functorch.pop_dynamic_layer_stack()
    try:
        result = lifted(function, *physical)
    finally:
        _functorch.push_dynamic_layer_stack(popped)
    return _functorch._add_batch_dim(result, 0, level)


def shared(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """``function(*inputs)``, called once and given to every member: a draw, for one, that all of them share.

    The inputs must be the same for every member.
    """
    layer = _functorch.peek_interpreter_stack()
    if layer is None or layer.key() != _functorch.TransformType.Vmap:
        return function(*inputs)
    popped = _functorch.pop_dynamic_layer_stack()
    try:
        return shared(function, *inputs)
    finally:
        _functorch.push_dynamic_layer_stack(popped)
