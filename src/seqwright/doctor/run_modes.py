"""Modes in which a model is run: training and gradients on or off, dropout always off."""

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
class RunMode:
    """A way to run a model; PyTorch chooses other kernels in each."""

    name: str
    training: bool = False
    gradients: bool = False


EVAL = RunMode("eval, no gradients")
EVAL_WITH_GRADIENTS = RunMode("eval, with gradients", gradients=True)
TRAIN = RunMode("train, dropout off", training=True, gradients=True)
MODES = (EVAL, EVAL_WITH_GRADIENTS, TRAIN)

DROPOUT_FUNCTIONS = {
    F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout,
    torch.dropout, torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout,
}  # fmt: skip


class NoDropout(TorchFunctionMode):
    """Turns off every dropout: modules, functions, and the one inside attention.

    Rates are left as they are, so that a model that branches on its rate still does.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in DROPOUT_FUNCTIONS:
            return args[0] if args else kwargs["input"]
        if func is F.scaled_dot_product_attention:
            if len(args) > 4:
                args = (*args[:4], 0.0, *args[5:])
            else:
                kwargs["dropout_p"] = 0.0
        if func is F.multi_head_attention_forward:
            bound = inspect.signature(func).bind(*args, **kwargs)
            bound.arguments["dropout_p"] = 0.0
            args, kwargs = bound.args, bound.kwargs
        return func(*args, **kwargs)


@contextmanager
def running_in(model: nn.Module, mode: RunMode) -> Iterator[nn.Module]:
    """Put a (copied) model into a mode. Batch norm stays in eval mode: its running statistics mix rows by design."""
    model.train(mode.training)
    with ExitStack() as stack:
        stack.enter_context(torch.set_grad_enabled(mode.gradients))
        if mode.training:
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
                elif isinstance(module, nn.RNNBase):  # its dropout is inside one fused kernel
                    stack.enter_context(_set_to_zero(module, "dropout"))
                elif isinstance(module, Dropout):
                    stack.enter_context(_set_to_zero(module, "rate"))
            stack.enter_context(NoDropout())
        yield model


@contextmanager
def _set_to_zero(module: nn.Module, name: str) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, 0.0)
    try:
        yield
    finally:
        setattr(module, name, before)


SMALL = 1_000_000
"""Models of fewer parameters run faster on one thread."""


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Restore the model's modes, its gradients and all random generators at the end."""
    modes = {module: module.training for module in model.modules()}
    gradients = {parameter: parameter.grad for parameter in model.parameters()}
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
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
        np.random.set_state(numpy)  # noqa: NPY002
        for module, training in modes.items():
            module.training = training
        for parameter, gradient in gradients.items():
            parameter.grad = gradient


def seed_generators(seed: int) -> None:
    """Seed every generator that a model may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would record its caller each time
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
