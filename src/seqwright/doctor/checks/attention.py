"""Attention weights: for each query they sum to one over the keys, and masked keys stay masked however large scores get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.checks.padding import alone_and_padded, padded_batches, row_alone
from seqwright.doctor.copies import scaled_copy
from seqwright.doctor.dependency import measure_dependency
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler, ModelInput
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest, counterexample, differences
from seqwright.doctor.run_modes import EVAL, EVAL_WITH_GRADIENTS

ATTENTION_NORMALISATION = Check(
    "attention-normalisation",
    "Attention weights do not sum to one over the keys.",
    "look at the dim of the softmax (−1, the keys), and mask scores before it rather than weights after it",
)
WEAK_MASK_FILL = Check(
    "weak-mask-fill",
    "Masked scores are filled with a number that real scores can exceed in training, and then the mask no longer works.",
    "fill with float('-inf') or torch.finfo(scores.dtype).min before the softmax",
)
SOFTMAX_FUNCTIONS = {F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
PRODUCT_FUNCTIONS = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum}


class AttentionChecks(Spec, CheckGroup):
    """``attention-normalisation`` and ``weak-mask-fill``."""

    checks = (ATTENTION_NORMALISATION, WEAK_MASK_FILL)
    order = 10

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Record every softmax of a forward, and enlarge the parameters."""
        yield _normalisation(subject)
        yield _fill(subject)


class _AttentionRecorder(TorchFunctionMode):
    """Records the shape of the scores of every softmax and its axis, and the shares that rows of weights lack to sum to one."""

    def __init__(self, lengths: set[int]) -> None:
        super().__init__()
        self.lengths = lengths
        self.softmaxes: list[tuple[tuple[int, ...], int]] = []
        self.missing_shares: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in SOFTMAX_FUNCTIONS and args:
            axis = kwargs.get("dim", args[1] if len(args) > 1 else -1)
            if isinstance(args[0], Tensor) and isinstance(axis, int):
                self.softmaxes.append((tuple(args[0].shape), axis % args[0].ndim))
        if func in PRODUCT_FUNCTIONS:
            for factor in (each for each in args if isinstance(each, Tensor)):
                self._inspect(factor)
        return func(*args, **kwargs)

    def _inspect(self, weights: Tensor) -> None:
        """Look for a matrix of weights whose rows sum to one, but for some: masked after the softmax and not normalised again."""
        if weights.ndim < 3 or weights.shape[-2] not in self.lengths or weights.shape[-1] not in self.lengths:
            return
        weights = weights.detach()
        sums = weights.sum(-1)
        if weights.min() < 0 or weights.max() > 1 + 1e-6 or sums.max() > 1 + 1e-6 or bool((weights == 0).all()):
            return
        partial = (sums < 1 - 1e-6) & (sums > 0)
        if partial.any() and ((sums > 1 - 1e-6) & (sums < 1 + 1e-6)).any():
            self.missing_shares.append((1 - sums[partial].min()).item())


def _lengths(subject: ModelUnderTest) -> tuple[int, int]:
    """Return lengths of the target and the source that are no size of any parameter, so that axes can be told apart."""
    taken = {size for parameter in subject.original.module.parameters() for size in parameter.shape}
    taken.add(subject.contract.vocabulary)
    most = subject.contract.max_length or 10**9
    free = [size for size in (7, 11, 13, 9, 5, 6, 10, 3) if size not in taken and size <= most] or [min(7, most)]
    return free[0], next((size for size in free if size != free[0]), free[0])


def _normalisation(subject: ModelUnderTest) -> Finding:
    copy, rows = subject.reinitialised, 3
    length, source_length = _lengths(subject)
    batch, lengths = InputSampler(subject.contract, 26).batch(rows, length, source_length), {length, source_length}
    recorder = _AttentionRecorder(lengths)
    for mode in (EVAL_WITH_GRADIENTS, EVAL):  # while recorded, other kernels may run and fail
        with copy.running(mode) as module, recorder, suppress(Exception):
            copy.call(module, batch.to(copy.device))
    attentions = [(shape, axis) for shape, axis in recorder.softmaxes if sum(size in lengths for size in shape) >= 2]
    wrong = [each for each in attentions if each[1] != max(at for at, size in enumerate(each[0]) if size in lengths)]
    if wrong:
        shape, axis = wrong[0]
        summed = "rows of the batch" if shape[axis] == rows else "heads or features"
        if shape[axis] in lengths and axis == len(shape) - 2:
            summed = "queries"
        where = f"softmax over axis {axis} of scores {list(shape)}"
        evidence, because = {"softmaxes": len(wrong), "of": len(attentions)}, f"The softmax is over {summed}."
        return ATTENTION_NORMALISATION.failed(where, evidence, because=because)
    if recorder.missing_shares:
        evidence = {"missing share": max(recorder.missing_shares)}
        because = "Some rows of weights sum to less than one: they were masked after the softmax."
        return ATTENTION_NORMALISATION.failed("after the softmax", evidence, because=because)
    if not attentions:
        return ATTENTION_NORMALISATION.not_examined(
            "There was no softmax over pairs of tokens: attention is computed by fused kernels, which are right, or absent."
        )
    return ATTENTION_NORMALISATION.passed(f"{len(attentions)} softmaxes are over keys, and their weights sum to one.")


def _fill(subject: ModelUnderTest) -> Finding:
    """Make scores large, and test whether masked tokens have an effect."""
    usual, length = subject.reinitialised, subject.length(9)
    forbidden = ~subject.contract.allowed(length)
    batches = padded_batches(subject)
    if not forbidden.any() and not batches:
        return WEAK_MASK_FILL.not_examined(
            "Nothing is masked: every token may be used, and the contract has no padding."
        )
    leaks = measure_dependency(usual, length, EVAL).greatest(forbidden)[0] > usual.tolerance()
    for factor in (8.0, 64.0, 512.0):
        large = usual.with_module(scaled_copy(usual.module, factor), f"{usual.name}, {factor:g} times as large")
        finding = _forbidden_shows(large, length, forbidden) if forbidden.any() and not leaks else None
        for side, batch in batches:
            finding = finding or _padding_shows(usual, large, side, batch)
        if finding is not None:
            return finding
    if leaks and not batches:
        return WEAK_MASK_FILL.inconclusive("The mask does not work at the usual scale either: see future-leak.")
    return WEAK_MASK_FILL.passed("Masked tokens have no effect when scores are some hundred thousand times as large.")


def _forbidden_shows(large: ModelCopy, length: int, forbidden: Tensor) -> Finding | None:
    found = measure_dependency(large, length, EVAL, inputs=4)
    change, position, token = found.greatest(forbidden)
    if not change > 1e-3 * large.scale():
        return None
    return WEAK_MASK_FILL.failed(
        f"{large.name}; position {position} depends on token {token}",
        {"change": change, "of": large.scale()},
        counterexample(large, *found.example(position, token), 0, position, f"token {token} replaced"),
    )


def _padding_shows(usual: ModelCopy, large: ModelCopy, side: str, batch: ModelInput) -> Finding | None:
    for row in range(1, batch.rows):
        alone, real = row_alone(batch, row)
        before, after = (
            differences(copy.logits(alone)[0], copy.logits(batch)[row, real]).max().item() for copy in (usual, large)
        )
        if before <= 1e-5 * usual.scale() and after > 1e-2 * large.scale():
            example = alone_and_padded(large, EVAL, batch, row, 0)
            evidence = {"change": after, "of": large.scale()}
            return WEAK_MASK_FILL.failed(f"{large.name}; {side} padding has an effect", evidence, example)
    return None
