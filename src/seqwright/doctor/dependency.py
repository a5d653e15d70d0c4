"""Which output depends on which token: every token is replaced in turn, the shape kept, and what moves is written down.

Replacing keeps every shape, so a model that obeys its mask moves by exactly nothing; cutting a sequence short would change
the kernels that run, and so the rounding. Gradients would miss what is detached, and what is chosen rather than computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqwright.doctor.model_under_test import Body, ModelUnderTest
from seqwright.doctor.modes import Mode
from seqwright.doctor.reading import ModelInput, Side, Words, joined


@dataclass(frozen=True)
class Dependency:
    """How far the output at each place moved, at most, when the token at each other place was replaced.

    Attributes:
        moved: ``[t t]``, outputs in rows, replaced tokens in columns; NaN where a column was not tried.
        before, after: every pair of inputs, a row each.
        worst: ``[t t]``, the row in which that output moved most.
        noise: how far outputs move when nothing is replaced.
    """

    moved: Float[Tensor, "q k"]
    before: ModelInput
    after: ModelInput
    worst: Tensor
    noise: float

    def example(self, place: int, token: int) -> tuple[ModelInput, ModelInput]:
        """The two inputs between which the output at a place moved most when a token was replaced."""
        row = int(self.worst[place, token])
        return self.before.select(torch.tensor([row])), self.after.select(torch.tensor([row]))


def dependency(
    body: Body,
    length: int,
    mode: Mode,
    *,
    inputs: int = 2,
    columns: list[int] | None = None,
    side: Side = "target",
    seed: int = 0,
) -> Dependency:
    """Measure it on a few random inputs.

    Args:
        body: what is asked.
        length: how many tokens are read.
        mode: how it is run.
        inputs: how many different sequences.
        columns: which tokens are replaced; all of them unless said.
        side: which side's tokens: ``target`` (the only one of a decoder or an encoder), or ``source``.
        seed: of the inputs.
    """
    words = Words(body.contract, seed + 7 * length)
    columns = list(range(length)) if columns is None else columns
    befores, afters = [], []
    for number in range(inputs):
        reading = words.reading(1, length, length if side == "source" else None)
        if number == 0 and body.contract.bos is not None and length > 1 and side == "target":
            reading.ids[0, 0] = body.contract.bos
        befores.append(reading.times(len(columns)))
        ids, rows = befores[-1].side(side), torch.arange(len(columns))
        changed = ids.clone()
        changed[rows, columns] = words.other(ids[rows, columns])
        afters.append(befores[-1].with_side(side, changed))
    moved = torch.full((length, length), float("nan"), dtype=torch.float64)
    worst = torch.zeros(length, length, dtype=torch.long)
    noise = 0.0
    for number, (before, after) in enumerate(zip(befores, afters, strict=True)):
        said = body.logits(before, mode)
        change = (said - body.logits(after, mode)).abs().amax(-1).nan_to_num(0.0, 0.0, 0.0)  # [columns t]
        noise = max(noise, (said - said[:1]).abs().nan_to_num(0.0, 0.0, 0.0).max().item())
        for row, column in enumerate(columns):
            places = change.shape[1]
            seen = moved[:places, column].nan_to_num(-1.0)
            better = change[row] > seen
            moved[:places, column] = torch.where(better, change[row], seen)
            worst[:places, column] = torch.where(better, number * len(columns) + row, worst[:places, column])
    if body.alone:
        noise = 0.0
    return Dependency(moved, joined(befores), joined(afters), worst, noise)


def lengths(patient: ModelUnderTest) -> list[int]:
    """The lengths that are tried: short ones, and one beyond which nothing is promised to be looked at."""
    wanted = (1, 5, 11) if patient.heavy else (1, 2, 5, 11)
    return sorted({patient.length(each) for each in wanted})


def long_length(patient: ModelUnderTest) -> int:
    """One length that is a good deal longer; not all of its tokens are replaced."""
    promised = patient.contract.max_length or 0
    if patient.thorough:
        return patient.length(max(160, min(promised, 512)))
    return patient.length(24 if patient.heavy else max(40, min(promised, 160)))
