"""Dependence of each output on each token, measured by replacing one token at a time.

Replacing keeps every shape, so that the outputs of a correct model change by exactly 0; cutting a sequence short would change the
kernels that run, and their rounding. Gradients would miss detached and discrete paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqwright.core.model import Side
from seqwright.doctor.model_input import InputSampler, ModelInput, concatenate
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest
from seqwright.doctor.run_modes import RunMode


@dataclass(frozen=True)
class Dependency:
    """How much each output changed, at most, when each token was replaced.

    Attributes:
        change: ``[t t]``, outputs in rows, replaced tokens in columns; NaN in columns that were not tried.
        before, after: every pair of inputs, a row each.
        worst: ``[t t]``, the row in which that output changed most.
        noise: how much outputs change when nothing is replaced.
    """

    change: Float[Tensor, "q k"]
    before: ModelInput
    after: ModelInput
    worst: Tensor
    noise: float

    def example(self, position: int, token: int) -> tuple[ModelInput, ModelInput]:
        """Return the two inputs between which an output changed most when a token was replaced."""
        row = torch.tensor([int(self.worst[position, token])])
        return self.before.select(row), self.after.select(row)


def measure_dependency(
    copy: ModelCopy,
    length: int,
    mode: RunMode,
    *,
    inputs: int = 2,
    columns: list[int] | None = None,
    side: Side = "target",
) -> Dependency:
    """Measure the dependence on a few random inputs.

    Args:
        copy: the copy to run.
        length: the number of tokens.
        mode: the mode to run it in.
        inputs: the number of different sequences.
        columns: the tokens to replace; all by default.
        side: the side whose tokens are replaced.
    """
    sampler = InputSampler(copy.contract, 7 * length)
    columns = list(range(length)) if columns is None else columns
    befores, afters = [], []
    for number in range(inputs):
        batch = sampler.batch(1, length, length if side == "source" else None)
        if number == 0 and copy.contract.bos is not None and length > 1 and side == "target":
            batch.ids[0, 0] = copy.contract.bos
        befores.append(batch.repeat_first(len(columns)))
        ids, rows = befores[-1].side(side), torch.arange(len(columns))
        changed = ids.clone()
        changed[rows, columns] = sampler.other_than(ids[rows, columns])
        afters.append(befores[-1].with_side(side, changed))
    greatest = torch.full((length, length), float("nan"), dtype=torch.float64)
    worst = torch.zeros(length, length, dtype=torch.long)
    noise = 0.0
    for number, (before, after) in enumerate(zip(befores, afters, strict=True)):
        logits = copy.logits(before, mode)
        change = (logits - copy.logits(after, mode)).abs().amax(-1).nan_to_num(0.0, 0.0, 0.0)  # [columns t]
        noise = max(noise, (logits - logits[:1]).abs().nan_to_num(0.0, 0.0, 0.0).max().item())
        for row, column in enumerate(columns):
            outputs = change.shape[1]
            so_far = greatest[:outputs, column].nan_to_num(-1.0)
            better = change[row] > so_far
            greatest[:outputs, column] = torch.where(better, change[row], so_far)
            worst[:outputs, column] = torch.where(better, number * len(columns) + row, worst[:outputs, column])
    if copy.row_by_row:
        noise = 0.0
    return Dependency(greatest, concatenate(befores), concatenate(afters), worst, noise)


def short_lengths(subject: ModelUnderTest) -> list[int]:
    """Return the lengths at which every token is replaced."""
    return sorted({subject.length(each) for each in ((1, 5, 11) if subject.large else (1, 2, 5, 11))})


def long_length(subject: ModelUnderTest) -> int:
    """Return a greater length, at which some tokens are replaced."""
    longest = subject.contract.max_length or 0
    if subject.thorough:
        return subject.length(max(160, min(longest, 512)))
    return subject.length(24 if subject.large else max(40, min(longest, 160)))
