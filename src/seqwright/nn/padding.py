"""Padding as a model reads it: masked in attention, or an ordinary symbol."""

from __future__ import annotations

from abc import abstractmethod

import torch

from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens


class Padding(Place):
    """A way to read padding."""

    __slots__ = ()

    @property
    @abstractmethod
    def masked(self) -> bool:
        """True if a row's logits are independent of the padding around it."""

    @abstractmethod
    def read(self, tokens: Tokens, past: int = 0) -> Tokens:
        """Return the tokens with the positions that attention uses, after ``past`` tokens of each row."""


class MaskedPadding(Spec, Padding):
    """Padding masked in every attention: it keeps position −1."""

    @property
    def masked(self) -> bool:
        return True

    def read(self, tokens: Tokens, past: int = 0) -> Tokens:
        return tokens


class OrdinaryPadding(Spec, Padding):
    """Padding attended to like any symbol, as a model without padding masks does.

    Rows must be padded on the right. A row's logits then depend on the longest row of its batch.
    """

    @property
    def masked(self) -> bool:
        return False

    def read(self, tokens: Tokens, past: int = 0) -> Tokens:
        column = past + torch.arange(tokens.at.shape[1], device=tokens.at.device)
        return Tokens(tokens.ids, torch.where(tokens.at < 0, column, tokens.at))
