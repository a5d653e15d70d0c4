"""Admission: how a model can be run is seen on copies that are thrown away, before any check asks it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.contract import Contract
from seqwright.doctor.copies import copied, drawn_anew, precise
from seqwright.doctor.model_under_test import Body, Call, CallbackError, ModelUnderTest
from seqwright.doctor.modes import MODES, TRAIN, Mode
from seqwright.doctor.reading import ModelInput, Words, padded


def admit(model: nn.Module, contract: Contract, call: Call, **given: Any) -> ModelUnderTest:
    """Copy a model for examination, and see how it can be run.

    Raises:
        CallbackError: it cannot be called at all.
        SeqwrightError: its parameters have no values yet, or it cannot be copied.
    """
    trial = Words(contract, 0).reading(2, min(4, contract.max_length or 4))
    body = _precisest(model, contract, call, trial)
    if not _used(body, trial):
        raise CallbackError("call", ValueError("it does not use the model that it is given, but some other"))
    redrawn = Body(drawn_anew(model, body.dtype), contract, call, "parameters drawn anew", body.dtype)
    refusals = {mode: told for mode in MODES if (told := _refusal(body, mode, trial))}
    mood = "" if TRAIN in refusals else _mood_in_training(body, trial)
    if mood == KEEPS:
        body.fresh = redrawn.fresh = frozenset({TRAIN})
    left_out = {*refusals, *([TRAIN] if mood == DRAWS else [])}
    return ModelUnderTest(
        model, contract, body, redrawn, room=_room(_throwaway(body)), modes=tuple(mode for mode in MODES if mode not in left_out),
        refusals=refusals, draws=mood == DRAWS, **given,
    )  # fmt: skip


def with_values(model: nn.Module) -> None:
    """Whether a model's parameters have values.

    Raises:
        SeqwrightError: one has none yet.
    """
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter) or parameter.is_meta:
            raise SeqwrightError(
                f"the parameter {name} has no values yet", fix="give it some: load weights, or call the model once"
            )


def _precisest(model: nn.Module, contract: Contract, call: Call, trial: ModelInput) -> Body:
    """A copy in double precision; in single where the model cannot be run, or says no numbers, in double only."""

    def in_precision(dtype: torch.dtype) -> Body:
        return Body(precise(model, dtype), contract, call, "as it is", dtype)

    double = in_precision(torch.float64)
    try:
        if _finite(double, trial):
            return double
    except CallbackError:
        single = in_precision(torch.float32)
        single.logits(trial)
        return single
    single = in_precision(torch.float32)
    return single if _finite(single, trial) else double


def _throwaway(body: Body) -> Body:
    """A copy of a copy, for questions that may leave something behind."""
    return body.with_module(copied(body.module), body.name)


def _finite(body: Body, trial: ModelInput) -> bool:
    """Whether it says numbers where nothing is padded, and where something is."""
    readings = [trial]
    contract = body.contract
    if contract.pad is not None:
        for side in ("right", "left") if contract.padding_side == "both" else (contract.padding_side,):
            rows = trial.side("target" if trial.source is None else "source").tolist()
            ids, mask = padded([rows[0], rows[1][:1]], contract.pad, side)
            readings.append(replace(trial, ids=ids, mask=mask) if trial.source is None else replace(trial, source=ids, source_mask=mask))  # fmt: skip
    for reading in readings:
        said = body.logits(reading)
        if reading.mask is not None:
            said = said[reading.mask]
        if not said.isfinite().all():
            return False
    return True


def _used(body: Body, trial: ModelInput) -> bool:
    """Whether any module of the copy is called at all; a call may have been written for one model alone."""
    called: list[str] = []
    hooks = [module.register_forward_hook(lambda *seen: called.append("")) for module in body.module.modules()]
    try:
        with suppress(CallbackError):  # some kernels are not taken where there are hooks, and others may fail
            body.logits(trial)
    finally:
        for hook in hooks:
            hook.remove()
    return bool(called) or not any(True for _ in body.module.parameters())


def _refusal(body: Body, mode: Mode, trial: ModelInput) -> str:
    """What it says where it cannot be run in a mode; nothing where it can."""
    try:
        _throwaway(body).logits(trial, mode)
    except CallbackError as error:
        return str(error)
    return ""


DRAWS, KEEPS = "draws at random", "keeps something"


def _mood_in_training(body: Body, trial: ModelInput) -> str:
    """What keeps training from giving the same answer twice, dropout apart: one of the two, or nothing."""
    twin = _throwaway(body)
    first, limit = twin.logits(trial, TRAIN), twin.tolerance()

    def moved(seed: int) -> bool:
        return bool((twin.logits(trial, TRAIN, seed) - first).abs().nan_to_num(0.0).max() > limit)

    return KEEPS if moved(0) else DRAWS if any(map(moved, range(1, 8))) else ""


LENGTHS = (160, 40, 24, 12, 8, 6)
"""Lengths that are tried, to see how much a model can read."""


def _room(body: Body) -> int:
    """How long a sequence may be, of the lengths that checks need."""
    promised = body.contract.max_length
    for length in LENGTHS:
        tried = min(length, promised or length)
        try:
            body.logits(Words(body.contract, 0).reading(1, tried, tried))
        except CallbackError:
            continue
        if length == LENGTHS[0]:
            return promised or 10**9
        return tried
    return 4
