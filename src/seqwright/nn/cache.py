"""What an attention remembers: keys, values and where they stood."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class KVCache:
    """Keys and values as a value: writing gives a new memory, and nothing is kept inside a module.

    Attributes:
        k, v: ``[b h s c]``.
        at: ``[b s]``, the keys' positions; padding is remembered too, and never looked at.
    """

    k: Float[Tensor, "b h s c"]
    v: Float[Tensor, "b h s c"]
    at: Int[Tensor, "b s"]

    def write(self, new: KVCache) -> KVCache:
        """This memory and what comes after it."""
        return KVCache(torch.cat([self.k, new.k], 2), torch.cat([self.v, new.v], 2), torch.cat([self.at, new.at], 1))

    def select(self, rows: Tensor) -> KVCache:
        """The given rows, in that order."""
        return KVCache(
            *(x.index_select(0, rows) for x in (self.k, self.v, self.at))
        )  # several times faster than x[rows]

    def rewind(self, length: int) -> KVCache:
        """Only the first ``length`` entries."""
        return KVCache(self.k[:, :, :length], self.v[:, :, :length], self.at[:, :length])
