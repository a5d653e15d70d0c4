"""The examination: copies of a model are run in all ways that its contract constrains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import ModelSpec
from seqwright.doctor.adapters import adapter_of
from seqwright.doctor.calling import ModelCall, unwrapped, user_call
from seqwright.doctor.causes import mark_consequences
from seqwright.doctor.check import Check, CheckGroup, check_groups
from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import check_examples
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest
from seqwright.doctor.prepare import check_initialised, prepare
from seqwright.doctor.report import Report
from seqwright.doctor.run_modes import preserved


def examine(
    model: nn.Module,
    contract: Contract | None = None,
    call: Callable[..., Any] | None = None,
    step: Callable[..., Any] | None = None,
    loss: Callable[..., Any] | None = None,
    generate: Callable[..., Any] | None = None,
    examples: Mapping[str, Tensor] | None = None,
    thorough: bool = False,
    progress: Callable[[str], None] = lambda checks: None,
) -> Report:
    """Examine a sequence model without training it, and report its faults with the inputs that prove them.

    Args:
        model: any module. Its parameters, mode and gradients, and all random generators, are left as they are.
        contract: the properties that it is meant to have; by default read off it, if it is ours or Hugging Face's.
        call: ``call(model, ids, mask) -> logits``, or for an encoder and decoder ``call(model, source, source_mask, target,
            target_mask) -> logits``; masks are True at real tokens, or ``None``. By default the forward itself.
        step: ``step(model, ids, past) -> (logits, past)``, one cached step.
        loss: ``loss(model, examples) -> scalar``.
        generate: ``generate(model, source) -> ids``.
        examples: ``{"ids": [b, t]}`` or ``{"source": [b, s], "target": [b, t]}``, padded.
        thorough: take minutes rather than seconds.
        progress: called with the names of the checks that run next.

    Raises:
        SeqwrightError: there is no contract and none can be read off, the examples do not fit the contract, or the
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
    check_initialised(model)
    adapter = adapter_of(model)
    known = contract or adapter.contract()
    if known is None:
        raise SeqwrightError(
            f"the contract of a {type(model).__name__} cannot be read off it",
            fix='give examine(model, Contract(kind="decoder", vocabulary=…))',
        )
    generate = generate or adapter.generate(known)
    examples = examples or (adapter.examples(known) if generate else None)
    with preserved(model):
        how = user_call(call, known) if call else adapter.call(known)
        given = {"step": step or adapter.step(), "loss": loss, "generate": generate, "thorough": thorough}
        results = _run_checks(model, known, how, progress, examples=check_examples(examples, known), **given)
        guessed = "" if call else adapter.call_as_text(known)
        if guessed:
            results.notes.insert(0, f"the forward was called as {guessed}; give call=… if that is wrong")
        return Report(
            model=type(model).__name__,
            contract=known,
            contract_inferred=contract is None,
            findings=mark_consequences(results.findings.values()),
            seconds=time.perf_counter() - began,
            notes=results.notes,
            incomplete=results.incomplete,
            dependency=results.dependency,
        )


@dataclass
class _Results:
    """Findings, notes and unfinished checks, as groups of checks run."""

    findings: dict[str, Finding] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    dependency: list[list[float]] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings; of two findings of one check the first counts."""
        for finding in findings:
            self.findings.setdefault(finding.check, finding)

    def add_incomplete(self, checks: Iterable[Check], reason: str) -> None:
        """Add inconclusive findings of the checks that have none."""
        missing = [check for check in checks if check.name not in self.findings]
        self.incomplete += [check.name for check in missing]
        self.add(check.inconclusive(reason) for check in missing)


def _run_checks(
    model: nn.Module, contract: Contract, call: ModelCall, progress: Callable[[str], None], **given: Any
) -> _Results:
    results, spec = _Results(), getattr(model, "spec", None)
    try:
        subject = prepare(model, contract, call, spec=spec if isinstance(spec, ModelSpec) else None, **given)
    except CallbackError as error:
        results.add([_callback_failed(error, "the first call")])
        return results
    for group in check_groups():
        checks = [check for check in group.checks if check.applies(contract)]
        if checks:
            progress(group.title)
            _run_group(group, checks, subject, results)
    if subject.large:
        size = f"{subject.parameters:,} parameters"
        results.notes.append(f"{size}: fewer inputs and lengths were tried; thorough=True tries all")
    if subject.original.dtype == torch.float32:
        results.notes.append("the model does not run in double precision: thresholds are those of single precision")
    results.dependency = [] if subject.dependency is None else subject.dependency.nan_to_num(0.0).tolist()
    return results


def _run_group(group: CheckGroup, checks: list[Check], subject: ModelUnderTest, results: _Results) -> None:
    try:
        results.add(group.examine(subject))
    except CallbackError as error:
        results.add([_callback_failed(error, group.title)])
        results.add_incomplete(checks, f"The check was not completed: {error}.")
    except Exception as error:  # a model that a check does not allow for: the other checks go on
        results.add_incomplete(checks, f"The check was not completed: {type(error).__name__}: {error}.")


def _callback_failed(error: CallbackError, during: str) -> Finding:
    fault = f"The function given as {error.name} (or the forward) raises an error."
    check = Check(f"{error.name}-failed", fault, "run it on such an input by itself")
    return check.failed(f"during {during}", {}, because=f"The error is: {error}")


def assert_healthy(model: nn.Module, contract: Contract | None = None, **given: Any) -> Report:
    """Examine a model in a test, and fail with the findings if a check fails or could not be completed.

    Raises:
        AssertionError: a check failed, or could not be completed.
    """
    report = examine(model, contract, **given)
    if not report.healthy or report.incomplete:
        raise AssertionError(f"{report.verdict}\n{report.text()}")
    return report
