"""Rows that were read, held as numbers: ten million of them take about a gigabyte."""

from __future__ import annotations

import hashlib
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
from seqwright.data.statistics import CorpusStatistics, LengthRange, TextStatistics

CHUNK = 100_000
"""Rows that are worked on at once."""

LOOK = 20_000
"""Rows, or symbols of text, that a hint is looked for in."""

ROW_BYTES = 128
"""Memory that a row takes beside its symbols: lengths, offsets, its number, its hashes and what sorting these takes."""

Progress = Callable[[int, float | None], None]
"""Told now and then: how many rows were read, and what part of the file (``None`` where its size is unknown)."""


class Numbers(dict[str, int]):
    """Symbols, numbered as they appear."""

    def __missing__(self, symbol: str) -> int:
        self[symbol] = number = len(self)
        return number


@dataclass(frozen=True)
class RowTable:
    """Rows side by side: row n's source lies between ``offsets[2n]`` and ``offsets[2n + 1]``, its target after it."""

    symbols: tuple[str, ...]
    ids: Int[np.ndarray, "flat"]
    offsets: Int[np.ndarray, "sides"]

    @classmethod
    def of(cls, pairs: Iterable[Pair], every: Callable[[int, int], None] = lambda rows, needed: None) -> RowTable:
        """The rows as they come; ``every`` :data:`CHUNK` of them is told how many there are and how many bytes they take."""
        numbers, ids, lengths = Numbers(), array("i"), array("i")
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
        """Of some rows' sources (side 0) or targets (1)."""
        return self.offsets[2 * rows + side + 1] - self.offsets[2 * rows + side]

    def flat(self, rows: Int[np.ndarray, "n"], side: int) -> Int[np.ndarray, "part"]:
        """The same sides' symbols, one row's after the other's."""
        lengths = self.lengths(rows, side)
        ahead = np.cumsum(lengths) - lengths
        return self.ids[np.arange(lengths.sum()) + np.repeat(self.offsets[2 * rows + side] - ahead, lengths)]

    def spelt(self, start: int, end: int) -> tuple[str, ...]:
        """The symbols in a stretch."""
        return tuple(map(self.symbols.__getitem__, self.ids[start:end].tolist()))


class Corpus(Sequence[Pair]):
    """Pairs, by number.

    >>> corpus = Corpus.of([Pair.of("ab", "c"), Pair.of("ab", "c"), Pair.of("b", "cc")])
    >>> corpus[2]
    Pair(source=('b',), target=('c', 'c'))
    >>> print(corpus.statistics().summary())
    these pairs: 3 pairs (1 of them repeats, 2 different sources); sources of 1–2 (median 2) symbols, 2 different;
    targets of 1–2 (median 1), 1 different

    Attributes:
        where: the file they come from.
        reading: how it was read, with what its first line decided.
    """

    def __init__(self, table: RowTable, rows: Int[np.ndarray, "n"], where: str, reading: Preprocessing) -> None:
        self.table, self.rows, self.where, self.reading = table, rows, where, reading

    @classmethod
    def read(cls, path: Path | str, reading: Preprocessing, *, progress: Progress | None = None) -> Corpus:
        """All rows of a file, or of standard input (``-``).

        Raises:
            SeqwrightError: the file or a row in it cannot be used, with the line; or all of it would not fit in memory.
        """
        with reading.rows(path) as rows:
            table = RowTable.of((row.pair for row in rows), _teller(rows, progress))
        return cls(table, np.arange(len(table.offsets) // 2), rows.name, rows.reading)

    @classmethod
    def of(cls, pairs: Iterable[Pair], *, where: str = "these pairs", reading: Preprocessing | None = None) -> Corpus:
        """Pairs that are in memory already."""
        table = RowTable.of(pairs)
        return cls(table, np.arange(len(table.offsets) // 2), where, reading or Preprocessing())

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
        return Pair(self.table.spelt(start, middle), self.table.spelt(middle, end))

    def __iter__(self) -> Iterator[Pair]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Int[np.ndarray, "m"] | Sequence[int]) -> Corpus:
        """Some rows, in the order given; the symbols are not copied."""
        return Corpus(self.table, self.rows[np.asarray(indices, dtype=np.int64)], self.where, self.reading)

    def lengths(self) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """How many symbols each source has, and each target."""
        return self.table.lengths(self.rows, 0), self.table.lengths(self.rows, 1)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that occur, sorted."""
        used = np.flatnonzero(self._used[0] | self._used[1])
        return tuple(sorted(self.table.symbols[number] for number in used.tolist()))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, over the hashes of the rows in order: the same for the same symbols, however the file is written."""
        return hashlib.sha256(self._hashes.astype("<u8").tobytes()).hexdigest()

    def statistics(self) -> CorpusStatistics:
        """What there is to know about the rows."""
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
        """A sentence, where the first rows would be learnt better in another form (:func:`normalisation.hint`)."""
        if not isinstance(self.reading.normalisation, AsIs) or all(map(str.isascii, self.table.symbols)):
            return None
        first = self[:LOOK]
        return hint(
            text for pair in first for text in (self.reading.source.join(pair.source), self.reading.answer(pair.target))
        )

    def split(self, fraction: float, most: int, seed: int) -> tuple[Corpus, Corpus]:
        """Rows to train on and rows to hold out, with no source in both.

        Which sources are held out depends on the seed and the sources alone, not on the rows' order. Their number is
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
        """How many rows of the other occur here too."""
        return int(np.isin(other._row_hashes, self._row_hashes).sum())

    def _chunks(self) -> Iterator[Int[np.ndarray, "m"]]:
        return (self.rows[start : start + CHUNK] for start in range(0, len(self), CHUNK))

    @cached_property
    def _used(self) -> Bool[np.ndarray, "2 v"]:
        """Which symbols occur on each side."""
        used = np.zeros((2, len(self.table.symbols)), dtype=bool)
        for rows in self._chunks():
            for side in (0, 1):
                used[side, self.table.flat(rows, side)] = True
        return used

    @cached_property
    def _hashes(self) -> UInt64[np.ndarray, "n 2"]:
        """Each row's source and target, as a number each."""
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
    """A corpus to train on; its lengths are known without spelling its rows."""

    def __init__(self, corpus: Corpus, coder: Coder) -> None:
        super().__init__(corpus, coder)
        self.corpus = corpus

    def lengths(self) -> Int[np.ndarray, "n 2"]:
        return np.stack(self.corpus.lengths(), 1)


class TextCorpus:
    """Running text, as one long sequence.

    Attributes:
        ids: the symbols, as places in ``symbols``.
        symbols: those that occur, sorted.
        where: the file it comes from.
        reading: how it was read.
    """

    def __init__(self, ids: Int[np.ndarray, "n"], symbols: Sequence[str], where: str, reading: Preprocessing) -> None:
        used = np.flatnonzero(np.bincount(ids, minlength=len(symbols)))
        order = sorted(used.tolist(), key=symbols.__getitem__)
        table = np.zeros(len(symbols), dtype=np.int32)
        table[order] = np.arange(len(order))
        self.ids, self.symbols = table[ids], tuple(symbols[number] for number in order)
        self.where, self.reading = where, reading

    @classmethod
    def read(cls, path: Path | str, reading: Preprocessing, *, progress: Progress | None = None) -> TextCorpus:
        """All of a file, or of standard input (``-``).

        Raises:
            SeqwrightError: the file cannot be used, with the line; or all of it would not fit in memory.
        """
        numbers, ids = Numbers(), array("i")
        with reading.rows(path) as rows:
            tell = _teller(rows, progress)
            for count, record in enumerate(rows.records, 1):
                ids.extend(map(numbers.__getitem__, rows.reading.said(record)))
                if count % CHUNK == 0:
                    tell(count, 8 * len(ids))
        return cls(np.frombuffer(ids, dtype=np.int32), tuple(numbers), rows.name, rows.reading)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the symbols and their order."""
        return hashlib.sha256("\0".join(self.symbols).encode() + b"\0\0" + self.ids.astype("<i4").tobytes()).hexdigest()

    def statistics(self) -> TextStatistics:
        """What there is to know about the text."""
        counts = np.bincount(self.ids, minlength=len(self.symbols))
        common = [self.symbols[number] for number in np.argsort(-counts, kind="stable")[:10].tolist()]
        return TextStatistics(where=self.where, length=len(self), symbols=len(self.symbols), commonest=tuple(common))

    def hint(self) -> str | None:
        """A sentence, where the beginning would be learnt better in another form (:func:`normalisation.hint`)."""
        if not isinstance(self.reading.normalisation, AsIs):
            return None
        return hint([self.reading.target.join([self.symbols[number] for number in self.ids[:LOOK].tolist()])])

    def split(self, fraction: float) -> tuple[TextCorpus, TextCorpus]:
        """All but the last part, and the last part, ``fraction`` of the whole, as nanoGPT has it."""
        cut = int(len(self) * (1 - fraction))
        train, held = (
            TextCorpus(ids, self.symbols, self.where, self.reading) for ids in (self.ids[:cut], self.ids[cut:])
        )
        return train, held


def _teller(rows: RowReader, progress: Progress | None) -> Callable[[int, int], None]:
    """What is done every :data:`CHUNK` of rows: say how far it is, and see whether all will fit."""
    watch = MemoryWatch(rows.name)

    def tell(count: int, needed: int) -> None:
        fraction = rows.fraction()
        watch.check(needed, fraction)
        if progress is not None:
            progress(count, fraction)

    return tell
