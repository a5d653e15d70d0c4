"""Statistics of a corpus."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from seqwright.core.spec import Spec


class LengthRange(Spec):
    """The least, the median and the greatest of some lengths."""

    least: int
    median: float
    most: int

    @classmethod
    def of(cls, lengths: Int[np.ndarray, "n"]) -> LengthRange:
        """Return the range of some lengths; zeros where there are none."""
        if not len(lengths):
            return cls(0, 0.0, 0)
        return cls(int(lengths.min()), float(np.median(lengths)), int(lengths.max()))

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}–{self.most} (median {self.median:g})"


class CorpusStatistics(Spec):
    """Statistics of pairs.

    Attributes:
        where: the file.
        rows: the number of rows.
        repeats: the number of rows that repeat an earlier one.
        sources: the number of different sources.
        source_lengths, target_lengths: in symbols.
        source_symbols, target_symbols: the number of different symbols.
    """

    where: str
    rows: int
    repeats: int
    sources: int
    source_lengths: LengthRange
    target_lengths: LengthRange
    source_symbols: int
    target_symbols: int

    def summary(self) -> str:
        """Return one line for users to check."""
        return (
            f"{self.where}: {_count(self.rows, 'pair')} ({self.repeats:,} of them repeats, {self.sources:,} different"
            f" sources); sources of {self.source_lengths} symbols, {self.source_symbols:,} different; targets of"
            f" {self.target_lengths}, {self.target_symbols:,} different"
        )


class TextStatistics(Spec):
    """Statistics of a text.

    Attributes:
        where: the file.
        length: in symbols.
        symbols: the number of different symbols.
        commonest: the most frequent ones, the most frequent first.
    """

    where: str
    length: int
    symbols: int
    commonest: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return one line for users to check."""
        shown = " ".join(repr(symbol)[1:-1] if symbol.strip() else repr(symbol) for symbol in self.commonest)
        return f"{self.where}: {_count(self.length, 'symbol')} of running text, {self.symbols:,} different: {shown} …"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
