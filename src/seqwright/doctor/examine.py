"""The examination: a model is copied, asked in every way that its contract says something of, and left as it was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.doctor.adapters import known
from seqwright.doctor.calling import asking, guessed, unwrapped
from seqwright.doctor.causes import sorted_out
from seqwright.doctor.checks import GROUPS, Group
from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import checked
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest
from seqwright.doctor.modes import untouched
from seqwright.doctor.prepare import admit, with_values
from seqwright.doctor.report import Report


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
        SeqwrightError: there is no contract and none can be read off, the examples are not what the contract says, or the
            model cannot be copied.

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
    model = unwrapped(model)
    with_values(model)
    told = known(model)
    promised = contract
    if promised is None:
        if told is None:
            raise SeqwrightError(
                f"what a {type(model).__name__} promises cannot be read off it",
                fix='give examine(model, Contract(kind="decoder", vocabulary=…))',
            )
        promised = told.contract()
    if told is not None:
        step = step or told.step()
        generate, asked = generate or told.generate(promised), told.examples(promised)
        examples = examples or (asked if generate else None)
    with untouched(model):
        given: dict[str, Any] = {
            "step": step,
            "loss": loss,
            "generate": generate,
            "examples": checked(examples, promised),
        }
        seen = _findings(model, promised, call, watch, spec=getattr(model, "spec", None), thorough=thorough, **given)
        called = "" if call is not None else guessed(model, promised)
        if called:
            seen.notes.insert(0, f"the forward was called as {called}; give call=… where that is wrong")
        return Report(
            model=type(model).__name__,
            contract=promised,
            read_off=contract is None,
            findings=sorted_out(seen.found.values()),
            seconds=time.perf_counter() - began,
            notes=seen.notes,
            broken_off=seen.broken_off,
            matrix=seen.matrix,
        )


@dataclass
class _Seen:
    """What came of the checks, as they go."""

    found: dict[str, Finding] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    broken_off: list[str] = field(default_factory=list)
    matrix: list[list[float]] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Of two findings of one check the first counts."""
        for finding in findings:
            self.found.setdefault(finding.check, finding)

    def break_off(self, group: Group, told: str) -> None:
        """What a group's checks would have said is not known."""
        lost = [check for check in group.checks if check.name not in self.found]
        self.broken_off += [check.name for check in lost]
        self.add(check.inconclusive(told) for check in lost)


def _findings(
    model: nn.Module, contract: Contract, call: Callable[..., Any] | None, watch: Callable[[str], None], **given: Any
) -> _Seen:
    seen = _Seen()
    try:
        patient = admit(model, contract, asking(contract, call, model), **given)
    except CallbackError as error:
        seen.add([_failed(error, "call")])
        return seen
    for group in GROUPS:
        watch(group.name)
        try:
            seen.add(group.examine(patient))
        except CallbackError as error:
            seen.add([_failed(error, group.name)])
            seen.break_off(group, f"Not examined to the end: {error}.")
        except Exception as error:  # a model that a check did not think of: the other checks go on
            seen.break_off(group, f"The examination broke off: {type(error).__name__}: {error}.")
    seen.notes += _notes(patient)
    matrix = patient.matrices.get("dependency")
    seen.matrix = [] if matrix is None else matrix.nan_to_num(0.0).tolist()
    return seen


def _notes(patient: ModelUnderTest) -> Iterator[str]:
    if patient.heavy:
        yield f"{patient.parameters:,} parameters: fewer inputs and lengths were tried; thorough=True tries all"
    if patient.actual.dtype == torch.float32:
        yield "the model does not run in double precision: thresholds are those of single precision"


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
        AssertionError: a promise is broken, or one could not be examined.
    """
    report = examine(model, contract, **given)
    if not report.healthy or report.broken_off:
        raise AssertionError(f"{report.verdict}\n{report.text()}")
    return report
