"""Corpora: rows as numbers in memory, about a gigabyte for ten million of them."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Bool, Int, UInt64

from seqwright.data import hashing
from seqwright.data.batch import Coder, Pair
from seqwright.data.batching import PairExamples
from seqwright.data.memory_limit import MemoryWatch
from seqwright.data.normalisation import AsIs, hint
from seqwright.data.preprocessing import Preprocessing, RowReader
from seqwright.data.statistics import CorpusStatistics, LengthRange
from seqwright.data.vocabulary import StoredVocabulary

CHUNK = 100_000
"""The number of rows that are processed at once."""

LOOK = 20_000
"""The number of rows, or of symbols of text, that are searched for a hint."""

ROW_BYTES = 128
"""Bytes that a row takes beside its symbols: lengths, offsets, its number, its hashes and the memory to sort these."""

_FEATURE = re.compile("<.+>")

Progress = Callable[[int, float | None], None]
"""A callback with the number of rows read, and the fraction of the file (``None`` where its size is unknown)."""


class SymbolNumbers(dict[str, int]):
    """Symbols, numbered in the order in which they are looked up."""

    def __missing__(self, symbol: str) -> int:
        self[symbol] = number = len(self)
        return number


@dataclass(frozen=True)
class RowTable:
    """Rows in one array: row n's source lies between ``offsets[2n]`` and ``offsets[2n + 1]``, its target after it."""

    symbols: tuple[str, ...]
    ids: Int[np.ndarray, "flat"]
    offsets: Int[np.ndarray, "sides"]

    @classmethod
    def of(cls, pairs: Iterable[Pair], every: Callable[[int, int], None] = lambda rows, needed: None) -> RowTable:
        """Collect rows; ``every`` is called for each :data:`CHUNK` of them with their number and the bytes that they take."""
        numbers, ids, lengths = SymbolNumbers(), array("i"), array("i")
        for row, (source, target) in enumerate(pairs, 1):
            ids.extend(map(numbers.__getitem__, source))
            ids.extend(map(numbers.__getitem__, target))
            lengths.extend((len(source), len(target)))
            if row % CHUNK == 0:
                every(row, 4 * len(ids) + ROW_BYTES * row)
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(np.frombuffer(lengths, dtype=np.int32), out=offsets[1:])
        return cls(tuple(numbers), np.frombuffer(ids, dtype=np.int32), offsets)

    def lengths(self, rows: Int[np.ndarray, "n"], side: int) -> Int[np.ndarray, "n"]:
        """Return the lengths of some rows' sources (side 0) or targets (1)."""
        return self.offsets[2 * rows + side + 1] - self.offsets[2 * rows + side]

    def flat(self, rows: Int[np.ndarray, "n"], side: int) -> Int[np.ndarray, "part"]:
        """Return the ids of the same sides, one row after the other."""
        lengths = self.lengths(rows, side)
        starts = np.cumsum(lengths) - lengths
        return self.ids[np.arange(lengths.sum()) + np.repeat(self.offsets[2 * rows + side] - starts, lengths)]

    def decode(self, start: int, end: int) -> tuple[str, ...]:
        """Return the symbols from one offset to another."""
        return tuple(map(self.symbols.__getitem__, self.ids[start:end].tolist()))


class Corpus(Sequence[Pair]):
    """A sequence of pairs.

    >>> corpus = Corpus.of([Pair.of("ab", "c"), Pair.of("ab", "c"), Pair.of("b", "cc")])
    >>> corpus[2]
    Pair(source=('b',), target=('c', 'c'))
    >>> print(corpus.statistics().summary())
    these pairs: 3 pairs (1 of them repeats, 2 different sources); sources of 1–2 (median 2) symbols, 2 different;
    targets of 1–2 (median 1), 1 different

    Attributes:
        where: the file that they come from.
        preprocessing: the file's, with everything that its first line decides.
    """

    def __init__(self, table: RowTable, rows: Int[np.ndarray, "n"], where: str, preprocessing: Preprocessing) -> None:
        self.table, self.rows, self.where, self.preprocessing = table, rows, where, preprocessing

    @classmethod
    def read(cls, path: Path | str, preprocessing: Preprocessing, *, progress: Progress | None = None) -> Corpus:
        """Read all rows of a file, or of standard input (``-``).

        Raises:
            SeqwrightError: the file or a row in it cannot be used, with the line; or all of it would not fit in memory.
        """
        with preprocessing.rows(path) as reader:
            table = RowTable.of((row.pair for row in reader), check_and_report(reader, progress))
        return cls(table, np.arange(len(table.offsets) // 2), reader.name, reader.preprocessing)

    @classmethod
    def of(
        cls, pairs: Iterable[Pair], *, where: str = "these pairs", preprocessing: Preprocessing | None = None
    ) -> Corpus:
        """Return a corpus of pairs in memory."""
        table = RowTable.of(pairs)
        return cls(table, np.arange(len(table.offsets) // 2), where, preprocessing or Preprocessing())

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> Corpus: ...

    def __getitem__(self, index: int | slice) -> Pair | Corpus:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = 2 * int(self.rows[index])
        start, middle, end = self.table.offsets[row : row + 3].tolist()
        return Pair(self.table.decode(start, middle), self.table.decode(middle, end))

    def __iter__(self) -> Iterator[Pair]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Int[np.ndarray, "m"] | Sequence[int]) -> Corpus:
        """Return some rows, in the order given; the symbols are not copied."""
        return Corpus(self.table, self.rows[np.asarray(indices, dtype=np.int64)], self.where, self.preprocessing)

    def lengths(self) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """Return the number of symbols of each source, and of each target."""
        return self.table.lengths(self.rows, 0), self.table.lengths(self.rows, 1)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that occur, sorted."""
        return self._sorted(self._used[0] | self._used[1])

    @cached_property
    def vocabulary(self) -> StoredVocabulary:
        """The rows' symbols: one table where at least half of one side's occur on the other, else a table for each side.

        Sides in one script (inflection, modern spelling, Latin letters and IPA) share a table; sides in two scripts have
        tables of their own. Features are on the source side alone and are not counted.

        >>> Corpus.of([Pair.of("walk", "walked")]).vocabulary.source_only
        ()
        >>> Corpus.of([Pair(("中",), ("zhong",))]).vocabulary
        StoredVocabulary(symbols=('zhong',), source_symbols=('中',), source_only=())
        """
        source, target = self._used
        counted = np.array([_FEATURE.fullmatch(symbol) is None for symbol in self.table.symbols], dtype=bool)
        fewer = min((source & counted).sum(), (target & counted).sum())
        if 2 * (source & target & counted).sum() >= fewer:
            return StoredVocabulary(symbols=self.symbols, source_only=self._sorted(source & ~target))
        return StoredVocabulary(symbols=self._sorted(target), source_symbols=self._sorted(source))

    def _sorted(self, used: Bool[np.ndarray, "v"]) -> tuple[str, ...]:
        return tuple(sorted(self.table.symbols[number] for number in np.flatnonzero(used).tolist()))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the hashes of the rows in order: the same for the same symbols, however the file is written."""
        return hashlib.sha256(self._hashes.astype("<u8").tobytes()).hexdigest()

    def statistics(self) -> CorpusStatistics:
        """Return the statistics of the rows."""
        sources, targets = self.lengths()
        of_sources, of_targets = self._used.sum(1).tolist()
        return CorpusStatistics(
            where=self.where,
            rows=len(self),
            repeats=len(self) - len(np.unique(self._row_hashes)),
            sources=len(np.unique(self._hashes[:, 0])),
            source_lengths=LengthRange.of(sources),
            target_lengths=LengthRange.of(targets),
            source_symbols=of_sources,
            target_symbols=of_targets,
        )

    def hint(self) -> str | None:
        """Return advice where the first rows would be learnt better in another form (:func:`normalisation.hint`)."""
        used = self.preprocessing
        if not isinstance(used.normalisation, AsIs) or all(map(str.isascii, self.table.symbols)):
            return None
        first = self[:LOOK]
        return hint(text for pair in first for text in (used.source.join(pair.source), used.target_text(pair.target)))

    def split(self, fraction: float, most: int, seed: int) -> tuple[Corpus, Corpus]:
        """Split into rows to train on and rows to hold out, with no source in both.

        The held-out sources depend on the seed and the sources alone, not on the rows' order. Their number is
        ``fraction`` of the different ones, and fewer where they have more than ``most`` rows together; none where
        ``fraction`` of them is less than one.
        """
        sources, source_of, counts = np.unique(self._hashes[:, 0], return_inverse=True, return_counts=True)
        order = np.argsort(hashing.mixed(sources ^ hashing.of_symbols([f"split {seed}"])[0]))
        wanted = order[: int(len(sources) * fraction)]
        held = np.zeros(len(sources), dtype=bool)
        held[wanted[: max(1, int((np.cumsum(counts[wanted]) <= most).sum()))]] = True
        return self.take(np.flatnonzero(~held[source_of])), self.take(np.flatnonzero(held[source_of]))

    def overlap(self, other: Corpus) -> int:
        """Return the number of the other's rows that occur here, too."""
        return int(np.isin(other._row_hashes, self._row_hashes).sum())

    def _chunks(self) -> Iterator[Int[np.ndarray, "m"]]:
        return (self.rows[start : start + CHUNK] for start in range(0, len(self), CHUNK))

    @cached_property
    def _used(self) -> Bool[np.ndarray, "2 v"]:
        """The occurrence of each symbol on each side."""
        used = np.zeros((2, len(self.table.symbols)), dtype=bool)
        for rows in self._chunks():
            for side in (0, 1):
                used[side, self.table.flat(rows, side)] = True
        return used

    @cached_property
    def _hashes(self) -> UInt64[np.ndarray, "n 2"]:
        """A hash of each row's source and of its target."""
        symbols = hashing.of_symbols(self.table.symbols)
        hashes = np.zeros((len(self), 2), dtype=np.uint64)
        for chunk, rows in enumerate(self._chunks()):
            for side in (0, 1):
                found = hashing.of_sequences(symbols, self.table.flat(rows, side), self.table.lengths(rows, side))
                hashes[chunk * CHUNK : (chunk + 1) * CHUNK, side] = found
        return hashes

    @property
    def _row_hashes(self) -> UInt64[np.ndarray, "n"]:
        return hashing.mixed(hashing.mixed(self._hashes[:, 0]) + self._hashes[:, 1])


class CorpusExamples(PairExamples):
    """A corpus to train on, whose lengths are computed without decoding its rows."""

    def __init__(self, corpus: Corpus, coder: Coder) -> None:
        super().__init__(corpus, coder)
        self.corpus = corpus

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        return np.stack(self.corpus.lengths(), 1)


def check_and_report(reader: RowReader, progress: Progress | None) -> Callable[[int, int], None]:
    """Return the function for every :data:`CHUNK` of rows: it checks the memory and reports progress."""
    watch = MemoryWatch(reader.name)

    def report(count: int, needed: int) -> None:
        fraction = reader.fraction()
        watch.check(needed, fraction)
        if progress is not None:
            progress(count, fraction)

    return report
