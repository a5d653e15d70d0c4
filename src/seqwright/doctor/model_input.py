"""Inputs of a model, and the changes that checks make to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqwright.core.model import Side
from seqwright.core.tokens import Tokens
from seqwright.doctor.contract import Contract


@dataclass(frozen=True)
class ModelInput:
    """A batch: the ids whose logits are compared, and the source where there is one.

    Masks are True at real tokens; ``None`` where nothing is padded. The ids of a decoder or an encoder count as its target.
    """

    ids: Int[Tensor, "b t"]
    mask: Bool[Tensor, "b t"] | None = None
    source: Int[Tensor, "b s"] | None = None
    source_mask: Bool[Tensor, "b s"] | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.ids.shape[0]

    def select(self, rows: Int[Tensor, " n"] | slice) -> ModelInput:
        """Return some of the rows."""
        return self._map(lambda part: part[rows])

    def row(self, row: int) -> ModelInput:
        """Return one row, as a batch."""
        return self.select(slice(row, row + 1))

    def repeat_first(self, rows: int) -> ModelInput:
        """Return the first row, repeated."""
        return self.select(torch.zeros(rows, dtype=torch.long))

    def to(self, device: torch.device) -> ModelInput:
        """Return the batch on another device."""
        return self._map(lambda part: part.to(device))

    def _map(self, change: Callable[[Tensor], Tensor]) -> ModelInput:
        return replace(self, **{name: change(part) for name, part in vars(self).items() if part is not None})

    def row_as_lists(self, row: int = 0) -> dict[str, list[int]]:
        """Return the ids of a row by the name of the side."""
        if self.source is None:
            return {"ids": self.ids[row].tolist()}
        return {"source": self.source[row].tolist(), "target": self.ids[row].tolist()}

    def side(self, name: Side) -> Int[Tensor, "b t"]:
        """Return the ids of one side."""
        if name == "target":
            return self.ids
        assert self.source is not None, "there is no source"
        return self.source

    def with_side(self, name: Side, ids: Tensor) -> ModelInput:
        """Return the batch with other ids on one side."""
        return replace(self, ids=ids) if name == "target" else replace(self, source=ids)


class InputSampler:
    """Random sequences of a contract's ordinary ids, drawn from a seed."""

    def __init__(self, contract: Contract, seed: int = 0) -> None:
        self.contract = contract
        self.choices = {side: torch.tensor(contract.ordinary_ids(side)) for side in get_args(Side)}
        self.generator = torch.Generator().manual_seed(seed)

    def ids(self, rows: int, length: int, side: Side = "target") -> Int[Tensor, "b t"]:
        """Draw rows that use the whole vocabulary before an id is repeated, so that faults of single ids show."""
        choices, needed = self.choices[side], rows * length
        rounds = [torch.randperm(len(choices), generator=self.generator) for _ in range(-(-needed // len(choices)))]
        return choices[torch.cat(rounds)[:needed]].view(rows, length)

    def other_than(self, ids: Int[Tensor, "..."], side: Side = "target") -> Int[Tensor, "..."]:
        """Draw for each id one that differs from it."""
        choices = self.choices[side]
        index = torch.searchsorted(choices, ids.contiguous()).clamp_max(len(choices) - 1)
        step = torch.randint(1, len(choices), ids.shape, generator=self.generator)
        return choices[(index + step) % len(choices)]

    def batch(self, rows: int, length: int, source_length: int | None = None) -> ModelInput:
        """Draw a batch without padding; a source, where the contract has one, is by default two tokens longer."""
        if not self.contract.reads_source:
            return ModelInput(self.ids(rows, length))
        longest = self.contract.max_length or length + 2
        target = self.ids(rows, length)
        source_length = source_length or min(length + 2, max(length, longest))
        return ModelInput(target, source=self.ids(rows, source_length, "source"))


def concatenate(batches: Sequence[ModelInput]) -> ModelInput:
    """Return the rows of several batches of one length as one batch."""
    names = [name for name, part in vars(batches[0]).items() if part is not None]
    return ModelInput(**{name: torch.cat([getattr(batch, name) for batch in batches]) for name in names})


def with_other_rows(first: ModelInput, others: ModelInput) -> ModelInput:
    """Return the first row of one batch and the remaining rows of another."""
    return concatenate([first.row(0), others.select(slice(1, None))])


def pad_rows(rows: list[list[int]], pad: int, side: str) -> tuple[Tensor, Tensor]:
    """Return rows of unequal lengths as one tensor ``[b t]``, and the mask of its real tokens."""
    tokens = Tokens.of(rows, pad=pad, left=side == "left")
    return tokens.ids, tokens.real
