"""The ways a model is run in while it is examined, and how everything is left as it was found."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from seqwright.nn.dropout import Dropout


@dataclass(frozen=True)
class Mode:
    """A way to run a model. PyTorch chooses other kernels in each."""

    name: str
    training: bool = False
    gradients: bool = False


EVAL = Mode("eval, no gradients")
EVAL_WITH_GRADIENTS = Mode("eval, with gradients", gradients=True)
TRAIN = Mode("train, dropout off", training=True, gradients=True)
MODES = (EVAL, EVAL_WITH_GRADIENTS, TRAIN)

DROPOUTS = {
    F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout,
    torch.dropout, torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout,
}  # fmt: skip


class NoDropout(TorchFunctionMode):
    """Dropout leaves what it is given, whatever its rate: modules, functions, and the one inside attention.

    Rates themselves are not touched: a model that does something else where its rate is above 0 still does so.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in DROPOUTS:
            return args[0] if args else kwargs["input"]
        if func is F.scaled_dot_product_attention:
            args, kwargs = _without_dropout(args, kwargs, place=4)
        if func is F.multi_head_attention_forward:
            bound = inspect.signature(func).bind(*args, **kwargs)
            bound.arguments["dropout_p"] = 0.0
            args, kwargs = bound.args, bound.kwargs
        return func(*args, **kwargs)


def _without_dropout(
    args: tuple[Any, ...], kwargs: dict[str, Any], place: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(args) > place:
        return (*args[:place], 0.0, *args[place + 1 :]), kwargs
    return args, {**kwargs, "dropout_p": 0.0}


@contextmanager
def acting(model: nn.Module, mode: Mode) -> Iterator[None]:
    """Run a (copied) model in a mode. Running statistics of a batch are kept still: they mix rows by design."""
    model.train(mode.training)
    with ExitStack() as stack:
        stack.enter_context(torch.set_grad_enabled(mode.gradients))
        if mode.training:
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
                elif isinstance(module, nn.RNNBase):  # its dropout is inside one fused kernel
                    stack.enter_context(_at_zero(module, "dropout"))
                elif isinstance(module, Dropout):
                    stack.enter_context(_at_zero(module, "rate"))
            stack.enter_context(NoDropout())
        yield


@contextmanager
def _at_zero(module: nn.Module, name: str) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, 0.0)
    try:
        yield
    finally:
        setattr(module, name, before)


SMALL = 1_000_000
"""Models of fewer parameters run faster on one thread."""


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Whatever is done inside, the model's modes, its gradients and every random generator are afterwards as before."""
    modes = {module: module.training for module in model.modules()}
    gradients = {parameter: parameter.grad for parameter in model.parameters()}
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    small = sum(parameter.numel() for parameter in model.parameters()) < SMALL
    try:
        torch.set_num_threads(1 if small else threads)
        with torch.random.fork_rng(devices=devices), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002
        for module, training in modes.items():
            module.training = training
        for parameter, gradient in gradients.items():
            parameter.grad = gradient


def seeded(seed: int) -> None:
    """Every generator that a model may draw from begins from here."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would note down who called it, each time
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
