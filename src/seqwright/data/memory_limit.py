"""Refusing early what would not fit."""

from __future__ import annotations

import psutil

from seqwright.core.errors import SeqwrightError

SHARE = 0.8
"""The part of the memory now available that data may take."""


class MemoryWatch:
    """Holds what a file will need, by what its beginning needed, against what there is.

    >>> MemoryWatch("pairs.tsv", available=1e9).check(needed=1e6, fraction=0.001)
    Traceback (most recent call last):
    seqwright.core.errors.SeqwrightError: pairs.tsv: the rows would take about 1.0 GB of memory, and 0.8 GB can be used;
    give fewer rows, or more memory
    """

    def __init__(self, where: str, available: float | None = None) -> None:
        self.where = where
        self.usable = SHARE * (psutil.virtual_memory().available if available is None else available)

    def check(self, needed: float, fraction: float | None) -> None:
        """Go on or not.

        Args:
            needed: bytes that the rows so far take.
            fraction: how much of the file they are; ``None`` where nobody knows: then only what they take counts.

        Raises:
            SeqwrightError: all would take more than there is.
        """
        whole = needed / fraction if fraction else needed
        if whole > self.usable:
            raise SeqwrightError(
                f"the rows would take about {whole / 1e9:.1f} GB of memory, and {self.usable / 1e9:.1f} GB can be used",
                where=self.where,
                fix="give fewer rows, or more memory",
            )
