"""Repeatability: the same input has the same output whatever ran before, whatever is beside it, and in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.checks.padding import padded_batches
from seqwright.doctor.copies import copy_in_precision
from seqwright.doctor.finding import Counterexample, Finding
from seqwright.doctor.model_input import InputSampler, ModelInput, with_other_rows
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest, counterexample, differences
from seqwright.doctor.run_modes import EVAL, EVAL_WITH_GRADIENTS, MODES, TRAIN, RunMode

STATEFUL = Check(
    "stateful",
    "An output depends on earlier inputs: the model keeps something from call to call.",
    "look for attributes that forward assigns (a hidden state, a cache, a counter) and are not reset",
)
EVAL_NONDETERMINISTIC = Check(
    "eval-nondeterministic",
    "In eval mode the output for one input changes with the random numbers.",
    "look for dropout as a function without training=self.training, and for noise or sampling in forward",
)
MODE_DEPENDENT = Check(
    "mode-dependent",
    "The model computes something else in another mode, dropout apart.",
    "look for branches on self.training, torch.is_grad_enabled() or a kernel that only one of them takes",
)
NAN = Check(
    "nan",
    "An output at a real token is not a finite number.",
    "look for rows of a softmax that are masked everywhere, for logs and divisions of 0, and for fill values that overflow",
)
BATCH_MIXING = Check(
    "batch-mixing",
    "A row's output depends on the other rows of the batch, or on its index in it.",
    "look for (batch, time) taken for (time, batch), for softmax or norms over the batch axis, and for positions added along the batch",
)


class StateChecks(Spec, CheckGroup):
    """``stateful`` and ``eval-nondeterministic``; after a failure every call of a later check gets a new copy."""

    checks = (STATEFUL, EVAL_NONDETERMINISTIC)
    order = 1

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Run one input again after others, and with other random numbers."""
        yield _stateful(subject)
        yield _nondeterministic(subject)


def _stateful(subject: ModelUnderTest) -> Finding:
    copy, length = subject.original, subject.length(6)
    batch, other = (InputSampler(subject.contract, seed).batch(2, length) for seed in (3, 4))
    first = copy.logits(batch)
    second = copy.logits(batch)
    copy.logits(other)
    for other_length in (max(1, length - 2), subject.length(40)):
        copy.logits(InputSampler(subject.contract, 5).batch(2, other_length))
    third = copy.logits(batch)
    change, tolerance = max(_difference(first, each) for each in (second, third)), copy.tolerance()
    if change <= tolerance:
        return STATEFUL.passed("The same input has the same output before and after others.", change=change)
    for each in subject.copies:
        each.stateful_modes = frozenset(MODES)
    copy.module = copy_in_precision(subject.model, copy.dtype)
    example = _same_input(batch, first, third, "read again after others")
    return STATEFUL.failed("eval", {"change": change, "threshold": tolerance}, example)


def _nondeterministic(subject: ModelUnderTest) -> Finding:
    copy = subject.original
    batch = InputSampler(subject.contract, 3).batch(2, subject.length(6))
    first, *others = (copy.logits(batch, seed=seed) for seed in range(3))
    other = max(others, key=lambda each: _difference(first, each))
    change = _difference(first, other)
    if change <= copy.tolerance():
        return EVAL_NONDETERMINISTIC.passed("Random numbers make no difference in eval mode.", change=change)
    example = _same_input(batch, first, other, "other random numbers")
    return EVAL_NONDETERMINISTIC.failed("eval", {"change": change, "threshold": copy.tolerance()}, example)


def _difference(first: Tensor, second: Tensor) -> float:
    """Return the greatest difference of two tensors; infinity where their shapes differ."""
    return differences(first, second).max().item() if first.shape == second.shape else float("inf")


def _same_input(batch: ModelInput, first: Tensor, second: Tensor, difference: str) -> Counterexample:
    """Make a counterexample of one input with two different outputs ``[b t v]``, where they differ most."""
    row, position = divmod(int(differences(first, second).argmax()), first.shape[1])
    sides, output = batch.row_as_lists(row), f"position {position}; the same input, {difference}"
    logits = first[row, position], second[row, position]
    return Counterexample.between((sides, sides), logits, difference=difference, output=output)


class ModeChecks(Spec, CheckGroup):
    """``mode-dependent`` and ``nan``."""

    checks = (MODE_DEPENDENT, NAN)
    order = 4

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Run the same inputs in each mode, with padding and without."""
        yield _mode_dependent(subject)
        yield _not_finite(subject)


def _mode_dependent(subject: ModelUnderTest) -> Finding:
    for mode, message in subject.mode_errors.items():
        return MODE_DEPENDENT.failed(mode.name, {}, because=f"It does not run in this mode: {message}.")
    batch, found = InputSampler(subject.contract, 6).batch(3, subject.length(7)), None
    for copy in subject.copies:
        logits = {mode: copy.logits(batch, mode) for mode in subject.modes}
        for mode in subject.modes[1:]:
            change = _difference(logits[EVAL], logits[mode])
            if change > copy.tolerance() and (found is None or mode == EVAL_WITH_GRADIENTS):
                example = _same_input(batch, logits[EVAL], logits[mode], f"{EVAL.name} and {mode.name}")
                found = mode, change, example, copy
    if found is None and subject.random_training:
        because = "In training it draws random numbers (noise, or layers left out): it was examined in eval mode alone."
        return MODE_DEPENDENT.failed("train", {}, because=because, only_warn=True)
    if found is None:
        return MODE_DEPENDENT.passed("All modes give the same output, dropout apart.")
    mode, change, example, copy = found
    keeps_state = mode in copy.stateful_modes and EVAL not in copy.stateful_modes
    because = "In training it keeps something from call to call, as running statistics do: it may be intended."
    return MODE_DEPENDENT.failed(
        f"{mode.name} against {EVAL.name}; {copy.name}",
        {"change": change, "threshold": copy.tolerance()},
        example,
        because=because if keeps_state else "",
        only_warn=keeps_state,
    )


def _not_finite(subject: ModelUnderTest) -> Finding:
    batches = [("no padding", InputSampler(subject.contract, 8).batch(3, subject.length(each))) for each in (1, 6)]
    batches += [(f"{side} padding", batch) for side, batch in padded_batches(subject)]
    for mode in subject.modes:
        for name, batch in batches:
            logits = subject.original.logits(batch, mode)
            real = torch.ones(logits.shape[:2], dtype=torch.bool) if batch.mask is None else batch.mask
            bad = real & ((logits.isnan() | (logits == torch.inf)).any(-1) | (logits == -torch.inf).all(-1))
            if bad.any():
                row, position = bad.nonzero()[0].tolist()
                return NAN.failed(
                    f"{name}; {mode.name}; position {position}",
                    {"outputs": int(bad.sum()), "rows": int(bad.any(1).sum())},
                    counterexample(subject.original, batch.row(row), batch.row(row), 0, position, "", mode),
                )
    if TRAIN not in subject.modes:
        return NAN.passed("All outputs at real tokens are finite numbers; gradients were not computed.")
    for name, batch in batches:
        parameter = _parameter_with_bad_gradient(subject.original, batch)
        if parameter:
            because = "A gradient is not finite: after one step every parameter is NaN."
            return NAN.failed(f"{name}; the gradient of {parameter}", {}, because=because)
    return NAN.passed("All outputs at real tokens, and all gradients, are finite numbers.")


def _parameter_with_bad_gradient(copy: ModelCopy, batch: ModelInput) -> str:
    """Return the first parameter whose gradient of the real tokens' log-probabilities is not finite."""
    with copy.running(TRAIN) as module:
        named = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
        logits = copy.call(module, batch.to(copy.device))
        if not logits.requires_grad or not named:
            return ""
        if batch.mask is not None:
            logits = logits[batch.mask.to(logits.device)]
        gradients = torch.autograd.grad(logits.log_softmax(-1).mean(), [each for _, each in named], allow_unused=True)
    return next((n for (n, _), g in zip(named, gradients, strict=True) if g is not None and not g.isfinite().all()), "")


class BatchChecks(Spec, CheckGroup):
    """``batch-mixing``; after a failure every later check runs rows one at a time."""

    checks = (BATCH_MIXING,)
    order = 2

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Replace the other rows of a batch, and compare equal rows."""
        sizes = (subject.length(7), 3), (subject.length(5), 5)
        tried = product(subject.copies, subject.modes, sizes)
        found = next((mixed for copy, mode, size in tried if (mixed := _mixed(copy, mode, *size)) is not None), None)
        if found is not None:
            for copy in subject.copies:
                copy.row_by_row = True
            yield found
        elif any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in subject.original.module.modules()):
            because = "Batch norm mixes rows, and positions, in training; in eval mode it does not."
            yield BATCH_MIXING.failed("train", {}, because=because, only_warn=True)
        else:
            yield BATCH_MIXING.passed(
                "No row's output changed when other rows were replaced, or when its index changed."
            )


def _mixed(copy: ModelCopy, mode: RunMode, length: int, rows: int) -> Finding | None:
    sampler = InputSampler(copy.contract, 9)
    batch, others = sampler.batch(rows, length), sampler.batch(rows, length)
    logits, tolerance, where = copy.logits(batch, mode), copy.tolerance(0.0, mode), f"{mode.name}; {copy.name}"
    for after, kept, difference in (
        (with_other_rows(batch, others), slice(0, 1), "the other rows replaced"),
        (with_other_rows(others, batch), slice(1, rows), "the first row replaced"),
    ):
        change = differences(logits[kept], copy.logits(after, mode)[kept])
        if change.max() > tolerance:
            row, position = divmod(int(change.argmax()), length)
            example = counterexample(copy, batch, after, kept.start + row, position, difference, mode)
            evidence = {"change": change.max().item(), "threshold": tolerance}
            return BATCH_MIXING.failed(f"{where}; {rows} rows of {length}", evidence, example)
    equal = batch.repeat_first(rows)
    same = copy.logits(equal, mode)
    change = differences(same, same[:1])
    if not change.max() > tolerance:
        return None
    row = int(change.amax(1).argmax())
    example = _same_input(equal, same[:1].expand_as(same), same, f"in row 0 and in row {row}")
    evidence = {"change": change.max().item(), "threshold": tolerance}
    because = "Equal rows have different outputs."
    return BATCH_MIXING.failed(f"{where}; equal rows 0 and {row}", evidence, example, because=because)
