"""Preparation: copies are made of a model, and tried in each precision, mode and length, before any check runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Side
from seqwright.doctor.calling import ModelCall
from seqwright.doctor.contract import Contract
from seqwright.doctor.copies import copy_in_precision, deep_copy, reinitialised_copy
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest, differences
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
    errors: dict[RunMode, str] = {}
    for mode in MODES:
        try:
            _throwaway(original).logits(trial, mode)
        except CallbackError as error:
            errors[mode] = str(error)
    stateful, random = (False, False) if TRAIN in errors else _changes_in_training(original, trial)
    if stateful:
        original.stateful_modes = reinitialised.stateful_modes = frozenset({TRAIN})
    left_out = {*errors, *([TRAIN] if random else [])}
    return ModelUnderTest(
        model, contract, original, reinitialised, max_length=_max_length(_throwaway(original)),
        modes=tuple(mode for mode in MODES if mode not in left_out), mode_errors=errors, random_training=random, **given,
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
    padded_side: Side = "source" if contract.reads_source else "target"
    pad = contract.pad_of(padded_side)
    if pad is not None:
        for end in contract.padding_sides:
            rows = trial.side(padded_side).tolist()
            ids, mask = pad_rows([rows[0], rows[1][:1]], pad, end)
            padded = {"source": ids, "source_mask": mask} if contract.reads_source else {"ids": ids, "mask": mask}
            batches.append(replace(trial, **padded))
    outputs = ((copy.logits(batch), batch.mask) for batch in batches)
    return all(bool((logits if mask is None else logits[mask]).isfinite().all()) for logits, mask in outputs)


def _is_used(copy: ModelCopy, trial: ModelInput) -> bool:
    """Return whether the call runs any module of the copy, or depends on its parameters."""
    called: list[bool] = []
    hooks = [module.register_forward_hook(lambda *_: called.append(True)) for module in copy.module.modules()]
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


def _changes_in_training(copy: ModelCopy, trial: ModelInput) -> tuple[bool, bool]:
    """Return why training mode, dropout apart, does not repeat its logits: state that calls leave behind, or random numbers."""
    twin = _throwaway(copy)
    first, limit = twin.logits(trial, TRAIN), twin.tolerance()

    def differs(seed: int) -> bool:
        return bool(differences(twin.logits(trial, TRAIN, seed), first).max() > limit)

    stateful = differs(0)
    return stateful, not stateful and any(map(differs, range(1, 8)))


LENGTHS = (160, 40, 24, 12, 8, 6)
"""Lengths that are tried, to see how much a model can read."""


def _max_length(copy: ModelCopy) -> int:
    """Return the longest input that checks may use."""
    limit = copy.contract.max_length
    for length in LENGTHS:
        tried = min(length, limit or length)
        with suppress(CallbackError):
            copy.logits(InputSampler(copy.contract, 0).batch(1, tried, tried))
            return limit or 10**9 if length == LENGTHS[0] else tried
    return 4
