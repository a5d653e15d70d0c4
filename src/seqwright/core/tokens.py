"""Tokens carry their positions; everything a model needs to know about order and padding is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

PADDING = -1
"""The position of a token that is only there to fill the rectangle."""


@dataclass(frozen=True)
class Tokens:
    """A batch of sequences: what stands at each place, and which place it is.

    Attributes:
        ids: ``[b t]``; a symbol's number, or the value itself where the model reads scalars.
        at: ``[b t]``; the token's position in its own sequence, :data:`PADDING` where there is none. A mask is
            a rule on two such positions, so padding may stand on either side, or in the middle.
    """

    ids: Shaped[Tensor, "b t"]
    at: Int[Tensor, "b t"]

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[float]], *, pad: int = 0, left: bool = False, dtype: torch.dtype = torch.long
    ) -> Tokens:
        """Lay rows of unequal length side by side, ``pad`` filling them on the right (or the left).

        >>> Tokens.of([[5, 6], [7]], pad=9).ids.tolist()
        [[5, 6], [7, 9]]
        >>> Tokens.of([[5, 6], [7]], pad=9, left=True).at.tolist()
        [[0, 1], [-1, 0]]
        """
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        length = int(lengths.max(initial=0))
        at = np.arange(length)[None] - (length - lengths[:, None] if left else 0)
        real = (at >= 0) & (at < lengths[:, None])
        kind = torch.empty((), dtype=dtype).numpy().dtype
        ids = np.full(real.shape, pad, dtype=kind)
        ids[real] = np.fromiter(chain.from_iterable(rows), kind, int(lengths.sum()))
        return cls(torch.from_numpy(ids), torch.from_numpy(np.where(real, at, PADDING)))

    @property
    def real(self) -> Tensor:
        """``Bool[b t]``: true where a token is not padding."""
        return self.at >= 0

    @property
    def lengths(self) -> Tensor:
        """``Int[b]``: how many real tokens each row has."""
        return self.real.sum(1)

    @cached_property
    def dense(self) -> bool:
        """Whether no row is padded and positions run from 0 in order; false where this is not known, as on a GPU."""
        return self.follow(0)

    def follow(self, past: int) -> bool:
        """Whether every row's positions are known to run in order from ``past``."""
        if self.at.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        return bool((self.at.numpy() == np.arange(past, past + self.at.shape[1])).all())

    def select(self, rows: Tensor) -> Tokens:
        """The given rows, in that order."""
        return Tokens(self.ids.index_select(0, rows), self.at.index_select(0, rows))

    def to(self, device: torch.device | str) -> Tokens:
        """The same tokens on another device."""
        return Tokens(self.ids.to(device), self.at.to(device))

    def rows_innermost(self) -> Tokens:
        """The same tokens with neighbouring rows next to each other in memory.

        Many small models at once run fastest when every loop's innermost stride runs over the batch
        (see :mod:`seqwright.nn.kernels.dispatch`); the activations take the layout of the tokens they come from.
        """
        return Tokens(self.ids.mT.contiguous().mT, self.at.mT.contiguous().mT)
