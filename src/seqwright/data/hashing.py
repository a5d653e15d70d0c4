"""Sequences as 64-bit numbers that depend on their symbols' text alone, so that equal ones are found without comparing.

Two different ones among ten million share a number with a probability of about 3 in a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt64

_STEP = np.uint64(0x9E3779B97F4A7C15)


def of_symbols(symbols: Iterable[str]) -> UInt64[np.ndarray, "v"]:
    """The first 64 bits of each symbol's BLAKE2b."""
    digests = (hashlib.blake2b(symbol.encode(), digest_size=8).digest() for symbol in symbols)
    return np.frombuffer(b"".join(digests), dtype="<u8")


def of_sequences(
    symbols: UInt64[np.ndarray, "v"], ids: Int[np.ndarray, "flat"], lengths: Int[np.ndarray, "n"]
) -> UInt64[np.ndarray, "n"]:
    """Sequences that lie one after the other in ``ids``, each as the sum over its symbols, mixed with their places."""
    ends = np.cumsum(lengths)
    place = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(mixed(symbols[ids] + place.astype(np.uint64) * _STEP))])
    return mixed(sums[ends] - sums[ends - lengths] + lengths.astype(np.uint64))


def mixed(numbers: UInt64[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """SplitMix64's last step (Steele et al. 2014): each bit of a number depends on all of them, and none is lost."""
    numbers = numbers + _STEP
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
