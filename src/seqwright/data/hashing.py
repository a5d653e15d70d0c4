"""64-bit hashes of sequences, which depend on their symbols' text alone, for finding equal sequences.

Among ten million different sequences, any two have the same hash with a probability of about 3 in a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Int, UInt64

_STEP = np.uint64(0x9E3779B97F4A7C15)


def of_symbols(symbols: Iterable[str]) -> UInt64[np.ndarray, "v"]:
    """Return the first 64 bits of each symbol's BLAKE2b."""
    digests = (hashlib.blake2b(symbol.encode(), digest_size=8).digest() for symbol in symbols)
    return np.frombuffer(b"".join(digests), dtype="<u8")


def of_sequences(
    symbols: UInt64[np.ndarray, "v"], ids: Int[np.ndarray, "flat"], lengths: Int[np.ndarray, "n"]
) -> UInt64[np.ndarray, "n"]:
    """Hash the sequences that ``ids`` holds one after the other: each is a sum over its symbols, mixed with their positions."""
    ends = np.cumsum(lengths)
    position = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(mixed(symbols[ids] + position.astype(np.uint64) * _STEP))])
    return mixed(sums[ends] - sums[ends - lengths] + lengths.astype(np.uint64))


def mixed(numbers: UInt64[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """Mix numbers by SplitMix64's last step (Steele et al. 2014), a bijection by which each bit depends on all others."""
    numbers = numbers + _STEP
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
