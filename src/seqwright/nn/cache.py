"""Keys and values that attention has computed, kept as values: appending gives a new cache, and no module holds any."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class KVCache:
    """Keys and values of the tokens read so far; their positions are kept once for a whole stack.

    Attributes:
        k, v: ``[b h s c]``, padding included.
    """

    k: Float[Tensor, "b h s c"]
    v: Float[Tensor, "b h s c"]

    def append(self, new: KVCache) -> KVCache:
        """Concatenate the keys and values of further tokens."""
        return KVCache(torch.cat([self.k, new.k], 2), torch.cat([self.v, new.v], 2))

    def select(self, rows: Int[Tensor, "r"]) -> KVCache:
        """Return the given rows, in that order."""
        return KVCache(self.k.index_select(0, rows), self.v.index_select(0, rows))  # several times faster than k[rows]

    def rewind(self, lengths: Int[Tensor, "b"]) -> KVCache:
        """Drop the tokens after the longest row's new length; the stack marks those of shorter rows as padding."""
        longest = int(lengths.max())
        return KVCache(self.k[:, :, :longest], self.v[:, :, :longest])


@dataclass(frozen=True)
class SourceCache:
    """Keys and values of the source, which stay as they are while target tokens are read."""

    source: KVCache

    def select(self, rows: Int[Tensor, "r"]) -> SourceCache:
        """Return the given rows, in that order."""
        return SourceCache(self.source.select(rows))

    def rewind(self, lengths: Int[Tensor, "b"]) -> SourceCache:
        """Return the same cache: no target token is in it."""
        return self
