"""Attention masks as rules on two positions, of a query and of a key.

A rule is elementwise on two positions, so one rule serves whole batches, cached steps and packed rows alike. Padding
(position −1) is excluded by :class:`seqwright.nn.attention_positions.AttentionPositions`, not by a mask.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from jaxtyping import Bool, Int
from torch import Tensor

from seqwright.core.place import Place
from seqwright.core.spec import Spec

Pattern = Literal["all", "causal"]
"""Masks that fused kernels need no tensor for: every key, or the lower triangle of a square."""


class Mask(Place):
    """A rule on pairs of positions.

    >>> import torch
    >>> class Nearby(Spec, Mask):
    ...     '''The keys at most ``width`` positions away.'''
    ...     width: int = 1
    ...     causal = False
    ...     def allows(self, query_at, key_at):
    ...         return (query_at - key_at).abs() <= self.width
    >>> at = torch.arange(3)
    >>> Nearby().allows(at[:, None], at[None, :]).int().tolist()
    [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """

    __slots__ = ()

    @property
    @abstractmethod
    def causal(self) -> bool:
        """True if no query ever attends to a later key."""

    @abstractmethod
    def allows(self, query_at: Int[Tensor, ...], key_at: Int[Tensor, ...]) -> Bool[Tensor, ...]:
        """Return true where the query may attend to the key; the two shapes broadcast."""

    def pattern(self, queries: int, keys: int, aligned: bool) -> Pattern | None:
        """Name the mask over keys without padding; ``None`` where it has no name.

        Args:
            queries, keys: how many there are.
            aligned: whether the keys are consecutive from 0, and the queries are the last of them.
        """
        return None


class NoMask(Spec, Mask):
    """No mask: every real token is visible, as in encoders and in decoders that lack their mask."""

    @property
    def causal(self) -> bool:
        return False

    def allows(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        return (key_at >= 0) | (query_at < key_at)  # true everywhere, in the common shape

    def pattern(self, queries: int, keys: int, aligned: bool) -> Pattern:
        return "all"


class CausalMask(Spec, Mask):
    """The causal mask: a token attends to itself and to the tokens before it (Vaswani et al. 2017, §3.2.3).

    >>> import torch
    >>> at = torch.arange(3)
    >>> CausalMask().allows(at[:, None], at[None, :]).int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """

    @property
    def causal(self) -> bool:
        return True

    def allows(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        return key_at <= query_at

    def pattern(self, queries: int, keys: int, aligned: bool) -> Pattern | None:
        if not aligned:
            return None
        return "all" if queries == 1 else "causal" if queries == keys else None
