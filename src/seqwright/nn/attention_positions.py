"""The positions of one forward pass through a stack, and the masks, biases and rotations that all its layers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqwright.nn.mask import Mask, Pattern
from seqwright.nn.position import PositionEncoding


class KeyMask:
    """The keys that each query may attend to.

    Args:
        pattern: the mask's name, where fused kernels need no tensor for it.
        compute: a function that computes the tensor.
    """

    def __init__(self, pattern: Pattern | None, compute: Callable[[], Bool[Tensor, "b 1 q k"]]) -> None:
        self.pattern, self.compute = pattern, compute
        self._forbidden: Tensor | None = None

    @cached_property
    def allowed(self) -> Bool[Tensor, "b 1 q k"]:
        """True where the query may attend to the key."""
        return self.compute()

    def forbidden(self, dtype: torch.dtype) -> Float[Tensor, "b 1 q k"] | None:
        """Return a term for the scores, 0 at allowed keys and far below every score elsewhere; ``None`` where every key is allowed."""
        if self.pattern == "all":
            return None
        if self._forbidden is None:
            lowest = torch.finfo(dtype).min / 2  # a score that is added leaves it finite
            self._forbidden = torch.zeros_like(self.allowed, dtype=dtype).masked_fill(~self.allowed, lowest)
        return self._forbidden

    @cached_property
    def answerable(self) -> Bool[Tensor, "b 1 q 1"] | None:
        """True where a query may attend to any key; ``None`` where every query may."""
        return None if self.pattern else self.allowed.any(-1, keepdim=True)


class TokenPositions:
    """The positions of some tokens, with the rotations of their queries or keys, computed once for all layers.

    Args:
        encoding: the stack's position encoding.
        at: ``[b t]``, as the tokens have them; masks are rules on these.
        mapped: ``[b t]``, as ``encoding`` maps them.
    """

    def __init__(self, encoding: PositionEncoding, at: Int[Tensor, "b t"], mapped: Int[Tensor, "b t"]) -> None:
        self.encoding, self.at, self.mapped = encoding, at, mapped
        self._rotations: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor] | None] = {}

    def map(self, function: Callable[[Tensor], Tensor]) -> TokenPositions:
        """Apply a function to both tensors; where they are the same one, it is called once."""
        at = function(self.at)
        return TokenPositions(self.encoding, at, at if self.mapped is self.at else function(self.mapped))

    def select(self, rows: Int[Tensor, "r"]) -> TokenPositions:
        """Return the given rows, in that order."""
        return self.map(lambda x: x.index_select(0, rows))

    def append(self, new: TokenPositions) -> TokenPositions:
        """Concatenate the positions of further tokens."""
        same = self.mapped is self.at and new.mapped is new.at
        at = torch.cat([self.at, new.at], 1)
        return TokenPositions(self.encoding, at, at if same else torch.cat([self.mapped, new.mapped], 1))

    @property
    def real(self) -> Bool[Tensor, "b t"]:
        """True where a token is not padding."""
        return self.at >= 0

    def rotate(self, heads: Float[Tensor, "b h t c"]) -> Float[Tensor, "b h t c"]:
        """Rotate queries or keys by their positions, where the encoding does so."""
        key = (heads.shape[-1], heads.dtype)
        if key not in self._rotations:
            self._rotations[key] = self.encoding.rotation(self.mapped, *key)
        rotation = self._rotations[key]
        if rotation is None:
            return heads
        cos, sin = rotation  # [b 1 t c]
        others = heads.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)  # the two features of each pair, exchanged
        return torch.addcmul(heads * cos, others, sin)


class AttentionPositions:
    """Query and key positions of an attention, with masks and biases that are computed once for all layers.

    Args:
        queries: the tokens that attend.
        keys: the positions of the tokens attended to, as :class:`TokenPositions` has them.
        unpadded: whether no key is padding.
        aligned: whether the keys are also consecutive from 0, and the queries are the last of them.
    """

    def __init__(self, queries: TokenPositions, keys: TokenPositions, *, unpadded: bool, aligned: bool) -> None:
        self.queries, self.keys, self.unpadded, self.aligned = queries, keys, unpadded, aligned
        self._shared: dict[Any, Any] = {}

    def mask(self, mask: Mask) -> KeyMask:
        """Return the keys that a mask allows, padding excluded."""
        if mask not in self._shared:
            query_at, key_at = self.queries.at, self.keys.at

            def allowed() -> Tensor:
                visible = mask.allows(query_at[:, :, None], key_at[:, None, :])
                return (visible & (key_at >= 0)[:, None, :])[:, None]  # [b 1 q k]

            pattern = mask.pattern(query_at.shape[1], key_at.shape[1], self.aligned) if self.unpadded else None
            self._shared[mask] = KeyMask(pattern, allowed)
        return self._shared[mask]

    def bias(self, heads: int, dtype: torch.dtype) -> Float[Tensor, "b h q k"] | None:
        """Return the encoding's bias for the scores of that many heads; ``None`` where it has none."""
        if (heads, dtype) not in self._shared:
            bias = self.queries.encoding.bias(self.queries.mapped, self.keys.mapped, heads)
            self._shared[heads, dtype] = None if bias is None else bias.to(dtype)
        return self._shared[heads, dtype]


@dataclass(frozen=True)
class StackPositions:
    """The positions that a block's parts read: among the stack's own tokens, and across to the source.

    Attributes:
        own: the tokens that are being read, and all tokens read so far.
        across: the tokens that are being read, and the source; ``None`` where there is no source.
    """

    own: AttentionPositions
    across: AttentionPositions | None

    @property
    def at(self) -> Int[Tensor, "b t"]:
        """The positions of the tokens that are being read, −1 at padding."""
        return self.own.queries.at
