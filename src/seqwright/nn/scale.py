"""Scales by width, which keep scores and embeddings at one size as models grow wider.

A dot product of vectors of width c grows like √c where their features are independent, and like c where they agree, as
training makes them. Attention divides scores by a scale of its heads' width; an embedding multiplies by one of the
model's width.
"""

from __future__ import annotations

from abc import abstractmethod

from seqwright.core.place import Place
from seqwright.core.spec import Spec


class Scale(Place):
    """A number for each width."""

    __slots__ = ()

    @abstractmethod
    def of(self, width: int) -> float:
        """Return the scale of a width."""


class NoScale(Spec, Scale):
    """1 for every width."""

    def of(self, width: int) -> float:
        return 1.0


class RootScale(Spec, Scale):
    """``√width``, which keeps a sum of independent features at variance 1 (Vaswani et al. 2017, eq. 1 and §3.4).

    >>> RootScale().of(16)
    4.0
    """

    def of(self, width: int) -> float:
        return width**0.5


class LinearScale(Spec, Scale):
    """``width``, which keeps a sum of features that agree at one size: μP's attention (Yang et al. 2022, definition 4.1)."""

    def of(self, width: int) -> float:
        return float(width)
