"""Attention weighs keys: for each query they sum to one, and what is masked stays masked however far scores grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqwright.doctor.checks.padding import alone_of, padded_readings
from seqwright.doctor.copies import scaled
from seqwright.doctor.dependency import dependency
from seqwright.doctor.finding import Check, Counterexample, Finding
from seqwright.doctor.model_under_test import Body, ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL, EVAL_WITH_GRADIENTS
from seqwright.doctor.reading import ModelInput, Words

ATTENTION_NORMALISATION = Check(
    "attention-normalisation",
    "Attention weights are not shares of the keys: they do not sum to one over them.",
    "look at the dim of the softmax (−1, the keys), and mask scores before it rather than weights after it",
)
WEAK_MASK_FILL = Check(
    "weak-mask-fill",
    "Masked scores are given a number that real scores can outgrow in training, and then what is masked is seen.",
    "fill with float('-inf') or torch.finfo(scores.dtype).min before the softmax",
)
SOFTMAXES = {F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
PRODUCTS = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum}


@dataclass(frozen=True)
class Softmax:
    """One that was seen: the shape of its scores, and the axis it sums over."""

    shape: tuple[int, ...]
    axis: int


class _Attentions(TorchFunctionMode):
    """Sees every softmax, and every matrix that values are mixed with."""

    def __init__(self, queries: set[int], keys: set[int]) -> None:
        super().__init__()
        self.queries, self.keys = queries, keys
        self.softmaxes: list[Softmax] = []
        self.off: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in SOFTMAXES and args:
            axis = kwargs.get("dim", args[1] if len(args) > 1 else -1)
            if isinstance(args[0], Tensor) and isinstance(axis, int):
                self.softmaxes.append(Softmax(tuple(args[0].shape), axis % args[0].ndim))
        if func in PRODUCTS:
            for mixed in (each for each in args if isinstance(each, Tensor)):
                self._weigh(mixed)
        return func(*args, **kwargs)

    def _weigh(self, weights: Tensor) -> None:
        """Rows that are shares, but for some of them: masked after the softmax, and not shared out again."""
        if weights.ndim < 3 or weights.shape[-2] not in self.queries or weights.shape[-1] not in self.keys:
            return
        flat = weights.detach()
        sums = flat.sum(-1)
        if flat.min() < 0 or flat.max() > 1 + 1e-6 or sums.max() > 1 + 1e-6 or bool((flat == 0).all()):
            return
        partly = (sums < 1 - 1e-6) & (sums > 0)
        if partly.any() and ((sums > 1 - 1e-6) & (sums < 1 + 1e-6)).any():
            self.off.append((1 - sums[partly].min()).item())


def attention(patient: ModelUnderTest) -> Iterator[Finding]:
    """``attention-normalisation`` and ``weak-mask-fill``."""
    yield _normalisation(patient)
    yield _fill(patient)


def _sizes(patient: ModelUnderTest) -> tuple[int, int, int]:
    """Numbers of rows, tokens and source tokens that no width or number of heads of the model has."""
    taken = {size for parameter in patient.actual.module.parameters() for size in parameter.shape} | {
        patient.contract.vocabulary
    }
    most = patient.contract.max_length or 10**9
    free = [size for size in (7, 11, 13, 9, 5, 6, 10, 3) if size not in taken and size <= most] or [min(7, most)]
    return 3, free[0], next((size for size in free if size != free[0]), free[0])


def _normalisation(patient: ModelUnderTest) -> Finding:
    body = patient.redrawn
    rows, length, other = _sizes(patient)
    reading = Words(patient.contract, 26).reading(rows, length, other)
    found: list[Softmax] = []
    off: list[float] = []
    for mode in (EVAL_WITH_GRADIENTS, EVAL):
        seen = _Attentions({length, other}, {length, other})
        with body.ready(mode) as module, seen, suppress(Exception):  # watched, it may take another path, and fail there
            body.call(module, reading.to(body.device))
        found += seen.softmaxes
        off += seen.off
    times = {length, other}
    attentions = [each for each in found if sum(size in times for size in each.shape) >= 2]
    wrong = [each for each in attentions if each.axis != max(a for a, size in enumerate(each.shape) if size in times)]
    if wrong:
        each = wrong[0]
        what = (
            "queries"
            if each.shape[each.axis] in times and each.axis == len(each.shape) - 2
            else "rows of the batch"
            if each.shape[each.axis] == rows
            else "heads or features"
        )
        return ATTENTION_NORMALISATION.failed(
            f"softmax over axis {each.axis} of scores {list(each.shape)}",
            {"softmaxes": float(len(wrong)), "of": float(len(attentions))},
            because=f"The softmax is over {what}.",
        )
    if off:
        return ATTENTION_NORMALISATION.failed(
            "after the softmax",
            {"missing share": max(off)},
            because="Some rows of weights sum to less than one: they were masked after the softmax.",
        )
    if not attentions:
        return ATTENTION_NORMALISATION.not_examined(
            "No softmax over pairs of tokens was seen: there are fused kernels, which are right, or none."
        )
    return ATTENTION_NORMALISATION.passed(f"{len(attentions)} softmaxes are over keys, and their weights sum to one.")


def _fill(patient: ModelUnderTest) -> Finding:
    """Scores are made to grow, and what was hidden is looked for again."""
    contract = patient.contract
    length = patient.length(9)
    forbidden = ~contract.allowed(length)
    readings = padded_readings(patient)
    if not forbidden.any() and not readings:
        return WEAK_MASK_FILL.not_examined(
            "Nothing is masked: every token may be seen, and the contract names no padding."
        )
    before = dependency(patient.redrawn, length, EVAL) if forbidden.any() else None
    for times in (8.0, 64.0, 512.0):
        name = f"{patient.redrawn.name}, {times:g} times as large"
        body = patient.redrawn.with_module(scaled(patient.redrawn.module, times), name)
        if before is not None and before.moved.masked_fill(~forbidden, 0).max() <= patient.redrawn.tolerance():
            found = dependency(body, length, EVAL, inputs=4)
            beyond = found.moved.masked_fill(~forbidden, 0)
            if beyond.max() > 1e-3 * body.scale():
                place, token = divmod(int(beyond.argmax()), length)
                one, other = found.example(place, token)
                return WEAK_MASK_FILL.failed(
                    f"{body.name}; position {place} sees token {token}",
                    {"moved": beyond.max().item(), "of": body.scale()},
                    counterexample(body, one, other, 0, place, f"token {token} replaced"),
                )
        for side, reading in readings:
            told = _padding_shows(patient.redrawn, body, reading)
            if told is not None:
                row, moved = told
                alone, real = alone_of(reading, row)
                place = int(real.nonzero()[0, 0])
                return WEAK_MASK_FILL.failed(
                    f"{body.name}; {side} padding is seen",
                    {"moved": moved, "of": body.scale()},
                    Counterexample.between(
                        alone.sides(0), reading.sides(row), body.logits(alone)[0, 0], body.logits(reading)[row, place],
                        differ="among longer rows", at=f"the row's first token ({body.name})",
                    ),
                )  # fmt: skip
    if (
        before is not None
        and before.moved.masked_fill(~forbidden, 0).max() > patient.redrawn.tolerance()
        and not readings
    ):
        return WEAK_MASK_FILL.inconclusive("What is hidden is seen already: see future-leak.")
    return WEAK_MASK_FILL.passed("Scores some hundred thousand times as large leave hidden what is masked.")


def _padding_shows(usual: Body, large: Body, reading: ModelInput) -> tuple[int, float] | None:
    for row in range(1, reading.rows):
        alone, real = alone_of(reading, row)
        before = (usual.logits(alone)[0] - usual.logits(reading)[row, real]).abs().nan_to_num(0.0).max().item()
        after = (large.logits(alone)[0] - large.logits(reading)[row, real]).abs().nan_to_num(0.0).max().item()
        if before <= 1e-5 * usual.scale() and after > 1e-2 * large.scale():
            return row, after
    return None
