"""Dependence of each output on each token, measured by replacing one token at a time.

Replacing keeps every shape, so that the outputs of a correct model change by exactly 0; cutting a sequence short would change the
kernels that run, and their rounding. Gradients would miss detached and discrete paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqwright.core.model import Side
from seqwright.doctor.model_input import InputSampler, ModelInput, concatenate
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest
from seqwright.doctor.run_modes import RunMode


@dataclass(frozen=True)
class Dependency:
    """The greatest change of each output when each token was replaced.

    Attributes:
        change: ``[t t]``, outputs in rows, replaced tokens in columns; NaN in columns that were not tried.
        before, after: every pair of inputs, a row each.
        worst: ``[t t]``, the row in which that output changed most.
        noise: the greatest change of outputs when nothing is replaced.
    """

    change: Float[Tensor, "q k"]
    before: ModelInput
    after: ModelInput
    worst: Tensor
    noise: float

    def example(self, position: int, token: int) -> tuple[ModelInput, ModelInput]:
        """Return the two inputs between which an output changed most when a token was replaced."""
        row = int(self.worst[position, token])
        return self.before.row(row), self.after.row(row)

    def greatest(self, among: Bool[Tensor, "q k"]) -> tuple[float, int, int]:
        """Return the greatest change among some pairs of outputs and tokens, NaN counting as 0, and that pair."""
        change = self.change.masked_fill(~among, 0).nan_to_num(0.0)
        position, token = divmod(int(change.argmax()), len(change))
        return change.max().item(), position, token


def measure_dependency(
    copy: ModelCopy,
    length: int,
    mode: RunMode,
    *,
    inputs: int = 2,
    columns: list[int] | None = None,
    side: Side = "target",
) -> Dependency:
    """Measure the dependence of a copy in a mode on sequences of a length.

    Args:
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
        changed[rows, columns] = sampler.other_than(ids[rows, columns], side)
        afters.append(befores[-1].with_side(side, changed))
    changes, noise = [], 0.0
    for before, after in zip(befores, afters, strict=True):
        logits = copy.logits(before, mode)
        changes.append((logits - copy.logits(after, mode)).abs().amax(-1).nan_to_num(0.0, 0.0, 0.0))  # [columns t]
        noise = max(noise, (logits - logits[:1]).abs().nan_to_num(0.0, 0.0, 0.0).max().item())
    greatest, number = torch.stack(changes).max(0)
    change = torch.full((length, length), float("nan"), dtype=torch.float64)
    worst = torch.zeros(length, length, dtype=torch.long)
    outputs = greatest.shape[1]
    change[:outputs, columns] = greatest.T
    worst[:outputs, columns] = (number * len(columns) + torch.arange(len(columns))[:, None]).T
    return Dependency(change, concatenate(befores), concatenate(afters), worst, 0.0 if copy.row_by_row else noise)


def short_lengths(subject: ModelUnderTest) -> list[int]:
    """Return the lengths at which every token is replaced."""
    return sorted({subject.length(each) for each in ((1, 5, 11) if subject.large else (1, 2, 5, 11))})


def long_length(subject: ModelUnderTest) -> int:
    """Return a greater length, at which some tokens are replaced."""
    longest = subject.contract.max_length or 0
    if subject.thorough:
        return subject.length(max(160, min(longest, 512)))
    return subject.length(24 if subject.large else max(40, min(longest, 160)))
