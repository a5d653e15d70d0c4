"""An early error for data that would not fit in memory."""

from __future__ import annotations

import psutil

from seqwright.core.errors import SeqwrightError

SHARE = 0.8
"""The fraction of the available memory that data may take."""


class MemoryWatch:
    """A comparison of the memory that a file will need, extrapolated from its beginning, with the memory available.

    >>> MemoryWatch("pairs.tsv", available=1e9).check(needed=1e6, fraction=0.001)
    Traceback (most recent call last):
    seqwright.core.errors.SeqwrightError: pairs.tsv: the rows would take about 1.0 GB of memory, and 0.8 GB can be used;
    give fewer rows, or more memory
    """

    def __init__(self, where: str, available: float | None = None) -> None:
        self.where = where
        self.usable = SHARE * (psutil.virtual_memory().available if available is None else available)

    def check(self, needed: float, fraction: float | None) -> None:
        """Compare the memory that the whole file would take with what is available.

        Args:
            needed: bytes that the rows so far take.
            fraction: the fraction of the file that they are; ``None`` where it is unknown: then only they count.

        Raises:
            SeqwrightError: the file would take more than is available.
        """
        whole = needed / fraction if fraction else needed
        if whole > self.usable:
            raise SeqwrightError(
                f"the rows would take about {whole / 1e9:.1f} GB of memory, and {self.usable / 1e9:.1f} GB can be used",
                where=self.where,
                fix="give fewer rows, or more memory",
            )
