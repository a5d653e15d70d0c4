"""Preparation: copies are made of a model, and tried in each precision, mode and length, before any check runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.calling import ModelCall
from seqwright.doctor.contract import Contract
from seqwright.doctor.copies import copy_in_precision, deep_copy, reinitialised_copy
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest
from seqwright.doctor.run_modes import MODES, TRAIN, RunMode


def prepare(model: nn.Module, contract: Contract, call: ModelCall, **given: Any) -> ModelUnderTest:
    """Copy a model, and find out how it can be run.

    Raises:
        CallbackError: it cannot be called at all.
        SeqwrightError: it cannot be copied.
    """
    trial = InputSampler(contract, 0).batch(2, min(4, contract.max_length or 4))
    original = _most_precise(model, contract, call, trial)
    if not _is_used(original, trial):
        raise CallbackError("call", ValueError("it does not use the model that it is given, but another one"))
    drawn = reinitialised_copy(model, original.dtype)
    reinitialised = ModelCopy(drawn, contract, call, "re-initialised parameters", original.dtype)
    errors = {mode: message for mode in MODES if (message := _error_in(original, mode, trial))}
    training = Repeatability() if TRAIN in errors else _repeatability(original, trial)
    if training.stateful:
        original.stateful_modes = reinitialised.stateful_modes = frozenset({TRAIN})
    left_out = {*errors, *([TRAIN] if training.random else [])}
    return ModelUnderTest(
        model, contract, original, reinitialised, max_length=_max_length(_throwaway(original)),
        modes=tuple(mode for mode in MODES if mode not in left_out), mode_errors=errors, random_training=training.random, **given,
    )  # fmt: skip


def check_initialised(model: nn.Module) -> None:
    """Check that all parameters have values.

    Raises:
        SeqwrightError: one has none yet.
    """
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter) or parameter.is_meta:
            raise SeqwrightError(
                f"the parameter {name} has no values yet", fix="load the weights, or call the model once"
            )


def _most_precise(model: nn.Module, contract: Contract, call: ModelCall, trial: ModelInput) -> ModelCopy:
    """Copy it in double precision, or in single where double fails or gives values that are not finite."""

    def in_precision(dtype: torch.dtype) -> ModelCopy:
        return ModelCopy(copy_in_precision(model, dtype), contract, call, "original parameters", dtype)

    double = in_precision(torch.float64)
    try:
        if _is_finite(double, trial):
            return double
    except CallbackError:
        single = in_precision(torch.float32)
        single.logits(trial)
        return single
    single = in_precision(torch.float32)
    return single if _is_finite(single, trial) else double


def _throwaway(copy: ModelCopy) -> ModelCopy:
    """Return a copy of a copy, for calls that may leave something behind."""
    return copy.with_module(deep_copy(copy.module), copy.name)


def _is_finite(copy: ModelCopy, trial: ModelInput) -> bool:
    """Return whether all logits are finite, with padding and without."""
    contract, batches = copy.contract, [trial]
    if contract.pad is not None:
        for side in ("right", "left") if contract.padding_side == "both" else (contract.padding_side,):
            rows = trial.side("source" if contract.reads_source else "target").tolist()
            ids, mask = pad_rows([rows[0], rows[1][:1]], contract.pad, side)
            padded = {"source": ids, "source_mask": mask} if contract.reads_source else {"ids": ids, "mask": mask}
            batches.append(replace(trial, **padded))
    for batch in batches:
        logits = copy.logits(batch)
        if batch.mask is not None:
            logits = logits[batch.mask]
        if not logits.isfinite().all():
            return False
    return True


def _is_used(copy: ModelCopy, trial: ModelInput) -> bool:
    """Return whether the call runs any module of the copy, or depends on its parameters."""
    called: list[str] = []
    hooks = [module.register_forward_hook(lambda *_: called.append("")) for module in copy.module.modules()]
    try:
        with suppress(CallbackError):  # hooks turn some kernels off, and others may fail
            copy.logits(trial)
    finally:
        for hook in hooks:
            hook.remove()
    if called or not any(True for _ in copy.module.parameters()):
        return True
    twin = copy.with_module(reinitialised_copy(copy.module, copy.dtype), copy.name)
    with suppress(CallbackError):
        return not torch.equal(copy.logits(trial), twin.logits(trial))
    return False


def _error_in(copy: ModelCopy, mode: RunMode, trial: ModelInput) -> str:
    """Return the error that a mode raises; an empty text where it runs."""
    try:
        _throwaway(copy).logits(trial, mode)
    except CallbackError as error:
        return str(error)
    return ""


class Repeatability(NamedTuple):
    """Why training mode, dropout apart, does not give the same logits twice: state that calls leave behind, or random numbers."""

    stateful: bool = False
    random: bool = False


def _repeatability(copy: ModelCopy, trial: ModelInput) -> Repeatability:
    twin = _throwaway(copy)
    first, limit = twin.logits(trial, TRAIN), twin.tolerance()

    def differs(seed: int) -> bool:
        return bool((twin.logits(trial, TRAIN, seed) - first).abs().nan_to_num(0.0).max() > limit)

    stateful = differs(0)
    return Repeatability(stateful, not stateful and any(map(differs, range(1, 8))))


LENGTHS = (160, 40, 24, 12, 8, 6)
"""Lengths that are tried, to see how much a model can read."""


def _max_length(copy: ModelCopy) -> int:
    """Return the longest input that checks may use."""
    limit = copy.contract.max_length
    for length in LENGTHS:
        tried = min(length, limit or length)
        try:
            copy.logits(InputSampler(copy.contract, 0).batch(1, tried, tried))
        except CallbackError:
            continue
        if length == LENGTHS[0]:
            return limit or 10**9
        return tried
    return 4
