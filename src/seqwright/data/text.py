"""Running text: a corpus of one long sequence, and chunks of it in which each token's label is the token after it."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from seqwright.core.tokens import Tokens
from seqwright.data import corpus
from seqwright.data.batch import Batch, Pair, Prompts
from seqwright.data.normalisation import AsIs, hint
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.statistics import TextStatistics
from seqwright.data.vocabulary import StoredVocabulary, Vocabulary


class TextCorpus:
    """Running text as one long sequence.

    Attributes:
        ids: the symbols, as indices of ``symbols``.
        symbols: those that occur, sorted.
        where: the file that it comes from.
        preprocessing: the file's.
    """

    def __init__(
        self, ids: Int[np.ndarray, "n"], symbols: Sequence[str], where: str, preprocessing: Preprocessing
    ) -> None:
        used = np.flatnonzero(np.bincount(ids, minlength=len(symbols)))
        order = sorted(used.tolist(), key=symbols.__getitem__)
        table = np.zeros(len(symbols), dtype=np.int32)
        table[order] = np.arange(len(order))
        self.ids, self.symbols = table[ids], tuple(symbols[number] for number in order)
        self.where, self.preprocessing = where, preprocessing

    @classmethod
    def read(
        cls, path: Path | str, preprocessing: Preprocessing, *, progress: corpus.Progress | None = None
    ) -> TextCorpus:
        """Read a whole file, or standard input (``-``).

        Raises:
            SeqwrightError: the file cannot be used, with the line; or all of it would not fit in memory.
        """
        numbers, ids = corpus.SymbolNumbers(), array("i")
        with preprocessing.rows(path) as reader:
            report = corpus.check_and_report(reader, progress)
            for count, row in enumerate(reader.rows, 1):
                ids.extend(map(numbers.__getitem__, reader.preprocessing.target_symbols(row.target)))
                if count % corpus.CHUNK == 0:
                    report(count, 8 * len(ids))
        return cls(np.frombuffer(ids, dtype=np.int32), tuple(numbers), reader.name, reader.preprocessing)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def vocabulary(self) -> StoredVocabulary:
        """The text's symbols."""
        return StoredVocabulary(symbols=self.symbols)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the symbols and their order."""
        return hashlib.sha256("\0".join(self.symbols).encode() + b"\0\0" + self.ids.astype("<i4").tobytes()).hexdigest()

    def statistics(self) -> TextStatistics:
        """Return the statistics of the text."""
        counts = np.bincount(self.ids, minlength=len(self.symbols))
        common = [self.symbols[number] for number in np.argsort(-counts, kind="stable")[:10].tolist()]
        return TextStatistics(where=self.where, length=len(self), symbols=len(self.symbols), commonest=tuple(common))

    def hint(self) -> str | None:
        """Return advice where the beginning would be learnt better in another form (:func:`normalisation.hint`)."""
        if not isinstance(self.preprocessing.normalisation, AsIs):
            return None
        return hint(
            [self.preprocessing.target.join([self.symbols[number] for number in self.ids[: corpus.LOOK].tolist()])]
        )

    def split(self, fraction: float) -> tuple[TextCorpus, TextCorpus]:
        """Split into a first part, and a last part of this fraction, as nanoGPT does."""
        cut = int(len(self) * (1 - fraction))
        train, held = (
            TextCorpus(ids, self.symbols, self.where, self.preprocessing) for ids in (self.ids[:cut], self.ids[cut:])
        )
        return train, held


@dataclass(frozen=True)
class RandomChunks:
    """Every chunk of ``length`` tokens, for drawing at random: row n is the chunk that starts at token n.

    Attributes:
        ids: the whole text.
        length: the number of tokens that a model reads at once.
    """

    ids: Int[np.ndarray, "n"]
    length: int

    def lengths(self) -> Int[np.ndarray, "m 2"]:
        return np.broadcast_to(np.array([0, self.length]), (len(self.ids) - self.length, 2))

    def batch(self, rows: Sequence[int]) -> Batch:
        indices = np.asarray(rows, dtype=np.int64)[:, None] + np.arange(self.length + 1)
        ids = torch.from_numpy(self.ids[indices].astype(np.int64))
        at = torch.arange(self.length).expand(len(rows), -1)
        return Batch(None, Tokens(ids[:, :-1].contiguous(), at), ids[:, 1:].contiguous())


@dataclass(frozen=True)
class ConsecutiveChunks:
    """The text cut into chunks of ``length`` tokens, one after the other, the last one shorter where necessary.

    Every token but the first is a label exactly once, so a loss over all rows is the loss of the text.
    """

    ids: Int[np.ndarray, "n"]
    length: int
    pad: int

    def lengths(self) -> Int[np.ndarray, "m 2"]:
        starts = np.arange(0, len(self.ids) - 1, self.length)
        own = np.minimum(self.length, len(self.ids) - 1 - starts)
        return np.stack([np.zeros_like(own), own], 1)

    def batch(self, rows: Sequence[int]) -> Batch:
        chunks = [self.ids[row * self.length : (row + 1) * self.length + 1].tolist() for row in rows]
        target = Tokens.of([chunk[:-1] for chunk in chunks], pad=self.pad)
        return Batch(None, target, Tokens.of([chunk[1:] for chunk in chunks], pad=self.pad).ids)


class TextVocabulary(Vocabulary):
    """A vocabulary for models that continue text: a prompt is a prefix, and an answer ends at its limit."""

    @property
    def forbidden(self) -> tuple[int, ...]:
        return (self.start, self.end)

    def encode_text(self, symbols: Sequence[str], ids: Int[np.ndarray, "n"]) -> Int[np.ndarray, "m"]:
        """Return the numbers of a text that is given as indices of ``symbols``, without the unknown ones."""
        table = np.array([self.target.numbers.get(symbol, -1) for symbol in symbols], dtype=np.int32)
        numbers = table[ids]
        return numbers[numbers >= 0]

    def prompts(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """Encode the sources as prefixes, padded on the left."""
        prefix = Tokens.of([self.encode(pair.source) for pair in pairs], pad=self.pad, left=True)
        return Prompts(None, prefix, None, limit)
