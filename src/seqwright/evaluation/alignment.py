"""Edit distance and alignment of an answer and its target, symbol by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rapidfuzz.distance import Levenshtein


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the least number of insertions, deletions and replacements that turn one sequence into the other.

    A symbol is a unit, however many characters it has (Levenshtein 1966; computed by rapidfuzz, bit-parallel).

    >>> distance(("k", "æ", "t"), ("k", "ɑː", "t", "s"))
    2
    """
    return Levenshtein.distance(a, b)


def aligned(gold: Sequence[str], predicted: Sequence[str]) -> list[tuple[str, str]]:
    """Align two sequences, with an empty string where one has no symbol.

    The number of differing pairs is :func:`distance`. Of several such alignments, the same one is returned every time.

    >>> aligned(("k", "æ", "t"), ("k", "æ", "t", "s"))
    [('k', 'k'), ('æ', 'æ'), ('t', 't'), ('', 's')]
    """
    pairs: list[tuple[str, str]] = []
    for code in Levenshtein.opcodes(gold, predicted):
        before, after = gold[code.src_start : code.src_end], predicted[code.dest_start : code.dest_end]
        pairs += zip_longest(before, after, fillvalue="")
    return pairs


def confusions(gold: Sequence[str], predicted: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of :func:`aligned` that differ: ``(gold, "")`` is a deletion, ``("", predicted)`` an insertion.

    >>> confusions(("k", "æ", "t"), ("k", "ɑː", "t", "s"))
    [('æ', 'ɑː'), ('', 's')]
    """
    return [pair for pair in aligned(gold, predicted) if pair[0] != pair[1]]
