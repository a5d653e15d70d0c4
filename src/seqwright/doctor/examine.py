"""The examination: a model is copied, asked in every way that its contract says something of, and left as it was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.calls import asking
from seqwright.doctor.causes import sorted_out
from seqwright.doctor.checks.attention import attention
from seqwright.doctor.checks.behaviour import behaviour
from seqwright.doctor.checks.cache import cache
from seqwright.doctor.checks.length import length
from seqwright.doctor.checks.loss import loss as losses
from seqwright.doctor.checks.order import order
from seqwright.doctor.checks.padding import padding
from seqwright.doctor.checks.parameters import parameters
from seqwright.doctor.checks.passes import batch, modes, state
from seqwright.doctor.checks.source import collapse, source
from seqwright.doctor.checks.visibility import visibility
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.known import known
from seqwright.doctor.modes import untouched
from seqwright.doctor.patient import CallbackError, Patient, admit
from seqwright.doctor.report import Report

CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    state, batch, collapse, modes, visibility, padding, order, source, cache, attention, parameters, losses, length, behaviour,
)  # fmt: skip
"""In this order: what leaves something behind, or mixes rows, changes how everything after it asks."""


def examine(
    model: nn.Module,
    contract: Contract | None = None,
    call: Callable[..., Any] | None = None,
    step: Callable[..., Any] | None = None,
    loss: Callable[..., Any] | None = None,
    generate: Callable[..., Any] | None = None,
    examples: Mapping[str, Tensor] | None = None,
    thorough: bool = False,
    watch: Callable[[str], None] = lambda check: None,
) -> Report:
    """Find out which promises of a sequence model are broken, with the inputs that prove it; nothing is trained.

    Args:
        model: any module. Its parameters, its mode, its gradients and all random generators are left as they are.
        contract: what it promises; native and Hugging Face models' is read off where it is left out.
        call: ``call(model, ids, mask) -> logits``, or for an encoder and decoder ``call(model, source, source_mask, target,
            target_mask) -> logits``; masks are True at real tokens, or ``None``. Left out: the forward itself.
        step: ``step(model, ids, past) -> (logits, past)``, one cached step.
        loss: ``loss(model, examples) -> scalar``.
        generate: ``generate(model, source) -> ids``.
        examples: ``{"ids": [b, t]}`` or ``{"source": [b, s], "target": [b, t]}``, padded.
        thorough: take minutes rather than seconds.
        watch: is told the name of each group of checks as it begins.

    Raises:
        SeqwrightError: there is no contract and none can be read off.

    >>> import torch
    >>> from torch import nn
    >>> class Bigram(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.table = nn.Embedding(9, 9)
    ...     def forward(self, ids):
    ...         return self.table(ids)
    >>> report = examine(Bigram(), Contract(kind="decoder", vocabulary=9))
    >>> [finding.check for finding in report.failed]
    ['past-blocked']
    """
    began = time.perf_counter()
    told = known(model)
    promised = contract
    if promised is None:
        if told is None:
            raise SeqwrightError(
                f"what a {type(model).__name__} promises cannot be read off it",
                mend='give examine(model, Contract(kind="decoder", vocabulary=…))',
            )
        promised = told.contract()
    if told is not None:
        step = step or told.step()
        generate, asked = generate or told.generate(), told.examples(promised)
        examples = examples or (asked if generate else None)
    with untouched(model):
        findings, notes, matrix = _findings(model, promised, call, watch, step=step, loss=loss, generate=generate, examples=examples,
                                            spec=getattr(model, "spec", None), thorough=thorough)  # fmt: skip
    return Report(
        model=type(model).__name__,
        contract=promised,
        read_off=contract is None,
        findings=findings,
        seconds=time.perf_counter() - began,
        notes=notes,
        matrix=matrix,
    )


def _findings(
    model: nn.Module, contract: Contract, call: Callable[..., Any] | None, watch: Callable[[str], None], **given: Any
) -> tuple[list[Finding], list[str], list[list[float]]]:
    try:
        patient = admit(model, contract, asking(contract, call, model), **given)
    except CallbackError as error:
        return [_failed(error, "call")], [], []
    found: dict[str, Finding] = {}
    notes: list[str] = []
    for check in CHECKS:
        watch(check.__name__)
        try:
            for finding in check(patient):
                found.setdefault(finding.check, finding)
        except CallbackError as error:
            name = f"{error.name}-failed"
            found.setdefault(name, _failed(error, check.__name__))
        except Exception as error:  # a model that a check did not think of: the other checks go on
            notes.append(f"{check.__name__} could not be examined: {type(error).__name__}: {error}")
    if patient.heavy:
        notes.append(f"{patient.parameters:,} parameters: fewer inputs and lengths were tried; thorough=True tries all")
    if patient.actual.dtype.itemsize == 4:
        notes.append("the model does not run in double precision: thresholds are those of single precision")
    matrix = patient.matrices.get("dependency")
    return sorted_out(found.values()), notes, [] if matrix is None else matrix.nan_to_num(0.0).tolist()


def _failed(error: CallbackError, during: str) -> Finding:
    check = Check(
        f"{error.name}-failed",
        f"What was given as {error.name} (or the forward) raises an error.",
        "run it on such an input by itself",
    )
    return check.failed(f"during {during}", {}, because=f"It says: {error}")


def assert_healthy(model: nn.Module, contract: Contract | None = None, **given: Any) -> Report:
    """For tests: examine, and fail with the findings where a check fails.

    Raises:
        AssertionError: a promise is broken.
    """
    report = examine(model, contract, **given)
    if not report.healthy:
        raise AssertionError(f"{len(report.failed)} of the promises are broken\n{report.text()}")
    return report
