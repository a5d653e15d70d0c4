"""The sequences of arXiv 2502.19597: zeros and ones, mapped to zeros and ones.

Each set is the training data of one rung of the paper's ladder. In a row ``000 → 1``, the source is the three symbols
0 0 0 and the target is the one symbol 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqwright.data.batch import Pair


@dataclass(frozen=True)
class PairSet:
    """A fixed list of pairs, each repeated; the whole list is one batch.

    Attributes:
        name: the set's name in tables.
        pairs: the distinct pairs.
        copies: the number of rows of each. Copies are rows of their own: dropout treats each differently.
    """

    name: str
    pairs: tuple[Pair, ...]
    copies: int = 1

    def rows(self) -> list[Pair]:
        """Return all rows, in order."""
        return [pair for pair in self.pairs for _ in range(self.copies)]


def _set(name: str, copies: int, *pairs: tuple[str, str]) -> PairSet:
    return PairSet(name, tuple(Pair.of(*pair) for pair in pairs), copies)


COPIES = _set("copies", 50, ("0000", "0000"), ("1111", "1111"))
THREE_TO_ONE = _set("three-to-one", 50, ("000", "1"), ("111", "0"))
ONE_TO_THREE = _set("one-to-three", 50, ("1", "000"), ("0", "111"))
ALTERNATING = _set("alternating", 50, ("0101", "0101"), ("1010", "1010"))

_SHARED = ("111", "0"), ("000", "1"), ("0", "111"), ("1", "000"), ("0101", "0101"), ("1010", "1010")

EIGHT = _set("eight", 25, ("0000", "0000"), ("1111", "1111"), *_SHARED)
"""The paper's final set, as in its code and its results."""

EIGHT_INVERTED = _set("eight-inverted", 25, ("0000", "1111"), ("1111", "0000"), *_SHARED)
"""The final set as printed in the paper's text: the first two rows are inverted instead of copied."""
