"""Masks as rules on positions: may the query at one place look at the key at another?

A rule is elementwise on two positions, so one rule serves whole batches, cached steps and packed rows alike. That
padding (position −1) is never looked at is the attention's business, not a mask's.
"""

from __future__ import annotations

from torch import Tensor

from seqwright.core.spec import Spec


class NoMask(Spec):
    """Every real token is visible: encoders, cross attention, and decoders that lack their mask."""

    @property
    def causal(self) -> bool:
        return False

    def allows(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        return (key_at >= 0) | (query_at < key_at)  # true everywhere, in the common shape


class CausalMask(Spec):
    """A token sees itself and what stands before it (Vaswani et al. 2017, §3.2.3).

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


Mask = NoMask | CausalMask
