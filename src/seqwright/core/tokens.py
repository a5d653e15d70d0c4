"""Tokens with their positions, from which masks, order and padding are derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

PADDING = -1
"""The position of a padding token."""


@dataclass(frozen=True)
class Tokens:
    """A batch of sequences: the tokens' ids and their positions.

    Attributes:
        ids: ``[b t]``; a symbol's number, or the value itself where the model reads scalars.
        at: ``[b t]``; the token's position in its own sequence, :data:`PADDING` at padding. A mask is
            a rule on two such positions, so padding may be on either side, or in the middle.
    """

    ids: Shaped[Tensor, "b t"]
    at: Int[Tensor, "b t"]
    _dense: bool | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[float]], *, pad: int = 0, left: bool = False, dtype: torch.dtype = torch.long
    ) -> Tokens:
        """Make a batch of rows of unequal length, padded with the id ``pad`` on the right (or the left).

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
    def dense(self) -> bool:
        """True if no row is padded and every row has the positions 0 to t − 1, so that a causal mask is a triangle.

        Determined on the CPU alone, once, and kept by :meth:`to`; false where it is unknown: for tensors that were made
        on an accelerator, and inside ``torch.vmap`` and ``torch.compile``.
        """
        if self._dense is not None or torch.compiler.is_compiling() or self.at.device.type != "cpu":
            return self._dense or False
        try:
            dense = bool((self.at.numpy() == np.arange(self.at.shape[1])).all())
        except RuntimeError:  # inside a transform, tensors have no values
            return False
        object.__setattr__(self, "_dense", dense)
        return dense

    @property
    def lengths(self) -> Tensor:
        """``Int[b]``: the number of real tokens of each row."""
        return self.real.sum(1)

    def select(self, rows: Tensor) -> Tokens:
        """Return the given rows, in that order."""
        return self._with(Tokens(self.ids.index_select(0, rows), self.at.index_select(0, rows)))

    def to(self, device: torch.device | str) -> Tokens:
        """Return the same tokens on another device."""
        return self._with(Tokens(self.ids.to(device), self.at.to(device)))

    def rows_innermost(self) -> Tokens:
        """Return the same tokens with neighbouring rows next to each other in memory.

        Many small models at once run fastest when every loop's innermost stride runs over the batch
        (see :mod:`seqwright.nn.kernels.dispatch`); the activations inherit the layout of the tokens.
        """
        return self._with(Tokens(self.ids.mT.contiguous().mT, self.at.mT.contiguous().mT))

    def _with(self, other: Tokens) -> Tokens:
        """Pass on what is known of the positions to the same rows in another order, layout or device."""
        object.__setattr__(other, "_dense", self.dense or None)
        return other
