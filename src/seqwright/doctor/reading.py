"""What a model is given to read, and the changes to it that checks make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqwright.doctor.contract import Contract

Side = Literal["target", "source"]


@dataclass(frozen=True)
class ModelInput:
    """A batch: the ids whose logits are looked at, where they are real, and the source, where there is one.

    A mask of ``None`` says that all are real.
    """

    ids: Int[Tensor, "b t"]
    mask: Bool[Tensor, "b t"] | None = None
    source: Int[Tensor, "b s"] | None = None
    source_mask: Bool[Tensor, "b s"] | None = None

    @property
    def rows(self) -> int:
        return self.ids.shape[0]

    def select(self, rows: Int[Tensor, " n"] | slice) -> ModelInput:
        """Some of the rows."""
        return self._each(lambda side: side[rows])

    def times(self, rows: int) -> ModelInput:
        """The first row, so often."""
        return self.select(torch.zeros(rows, dtype=torch.long))

    def parts(self) -> tuple[Tensor | None, ...]:
        return (self.ids, self.mask, self.source, self.source_mask)

    def to(self, device: torch.device) -> ModelInput:
        """On another device."""
        return self._each(lambda side: side.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> ModelInput:
        mask, source, source_mask = (None if each is None else change(each) for each in self.parts()[1:])
        return ModelInput(change(self.ids), mask, source, source_mask)

    def sides(self, row: int = 0) -> dict[str, list[int]]:
        """A row as numbers."""
        if self.source is None:
            return {"ids": self.ids[row].tolist()}
        return {"source": self.source[row].tolist(), "target": self.ids[row].tolist()}

    def side(self, name: Side) -> Int[Tensor, "b t"]:
        """The ids of one side; a decoder's or an encoder's only one is its target."""
        if name == "target":
            return self.ids
        assert self.source is not None, "there is no source"
        return self.source

    def with_side(self, name: Side, ids: Tensor) -> ModelInput:
        """The same with other ids on one side."""
        return replace(self, ids=ids) if name == "target" else replace(self, source=ids)

    def with_ids(self, ids: Tensor) -> ModelInput:
        """The same with other ids."""
        return replace(self, ids=ids)

    def with_source(self, source: Tensor) -> ModelInput:
        """The same with another source."""
        return replace(self, source=source)


class Words:
    """Sequences of words of a contract's vocabulary, drawn from a seed."""

    def __init__(self, contract: Contract, seed: int = 0) -> None:
        self.contract = contract
        self.words = torch.tensor(contract.words())
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, rows: int, length: int) -> Int[Tensor, "b t"]:
        """Rows that go through the vocabulary before a word comes again, so that what only some words do is seen."""
        needed = rows * length
        rounds = [
            self.words[torch.randperm(len(self.words), generator=self.generator)]
            for _ in range(-(-needed // len(self.words)))
        ]
        return torch.cat(rounds)[:needed].view(rows, length)

    def other(self, ids: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        """For each id a word that it is not."""
        place = torch.searchsorted(self.words, ids.contiguous()).clamp_max(len(self.words) - 1)
        step = torch.randint(1, len(self.words), ids.shape, generator=self.generator)
        return self.words[(place + step) % len(self.words)]

    def reading(self, rows: int, length: int, source: int | None = None) -> ModelInput:
        """A batch without padding; with a source where the contract has one, two tokens longer unless told."""
        if self.contract.kind != "encoder-decoder":
            return ModelInput(self.draw(rows, length))
        longest = self.contract.max_length or length + 2
        return ModelInput(
            self.draw(rows, length), source=self.draw(rows, source or min(length + 2, max(length, longest)))
        )


def joined(readings: Sequence[ModelInput]) -> ModelInput:
    """Readings of one length below one another."""
    columns = zip(*(reading.parts() for reading in readings), strict=True)
    ids, *others = ([part for part in column if part is not None] for column in columns)
    return ModelInput(torch.cat(ids), *(torch.cat(parts) if parts else None for parts in others))


def rows_of(first: ModelInput, others: ModelInput) -> ModelInput:
    """The first row of one batch among the other rows of another."""
    return joined([first.select(slice(0, 1)), others.select(slice(1, None))])


def padded(rows: list[list[int]], pad: int, side: str) -> tuple[Tensor, Tensor]:
    """Rows of unequal lengths side by side, and where they are real."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, words in enumerate(rows):
        place = slice(longest - len(words), longest) if side == "left" else slice(0, len(words))
        ids[row, place] = torch.tensor(words)
        mask[row, place] = True
    return ids, mask
