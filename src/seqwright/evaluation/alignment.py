"""What has to change in an answer to make it the target, symbol by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rapidfuzz.distance import Levenshtein


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """The fewest symbols to insert, delete or replace that turn one sequence into the other.

    Every edit costs 1 and a symbol is one thing however many characters it has (Levenshtein 1966; computed by
    rapidfuzz, bit-parallel).

    >>> distance(("k", "æ", "t"), ("k", "ɑː", "t", "s"))
    2
    """
    return Levenshtein.distance(a, b)


def aligned(gold: Sequence[str], said: Sequence[str]) -> list[tuple[str, str]]:
    """Both sequences side by side, an empty string standing where one has no symbol.

    As many places differ as :func:`distance` says. Where several alignments do with that few, one of them is
    returned, the same every time.

    >>> aligned(("k", "æ", "t"), ("k", "æ", "t", "s"))
    [('k', 'k'), ('æ', 'æ'), ('t', 't'), ('', 's')]
    """
    pairs: list[tuple[str, str]] = []
    for code in Levenshtein.opcodes(gold, said):
        wanted, got = gold[code.src_start : code.src_end], said[code.dest_start : code.dest_end]
        pairs += zip_longest(wanted, got, fillvalue="")
    return pairs


def confusions(gold: Sequence[str], said: Sequence[str]) -> list[tuple[str, str]]:
    """The places of :func:`aligned` that differ: ``(gold, said)``, ``(gold, "")`` left out, ``("", said)`` put in.

    >>> confusions(("k", "æ", "t"), ("k", "ɑː", "t", "s"))
    [('æ', 'ɑː'), ('', 's')]
    """
    return [(wanted, got) for wanted, got in aligned(gold, said) if wanted != got]
