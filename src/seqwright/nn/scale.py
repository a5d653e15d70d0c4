"""Scales: a number for each width, so that what is computed keeps its size as models grow wider.

A dot product of vectors of width c grows like √c where their features are independent, and like c where they agree, as
training makes them. Attention divides scores by a scale of its heads' width; an embedding multiplies by one of the
model's width.
"""

from __future__ import annotations

from seqwright.core.spec import Spec


class NoScale(Spec):
    """1: things are left as they are."""

    def of(self, width: int) -> float:
        """The scale that belongs to a width."""
        return 1.0


class RootScale(Spec):
    """``√width``, which keeps a sum of independent features at variance 1 (Vaswani et al. 2017, eq. 1 and §3.4).

    >>> RootScale().of(16)
    4.0
    """

    def of(self, width: int) -> float:
        """The scale that belongs to a width."""
        return width**0.5


class LinearScale(Spec):
    """``width``, which keeps a sum of features that agree at one size: μP's attention (Yang et al. 2022, definition 4.1)."""

    def of(self, width: int) -> float:
        """The scale that belongs to a width."""
        return float(width)


Scale = NoScale | RootScale | LinearScale
