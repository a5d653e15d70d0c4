"""Vocabularies: the symbols of both sides and their numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Side
from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch, Pair, Prompts, spell


class SourceMarks(Place):
    """The marks around a source."""

    __slots__ = ()

    @abstractmethod
    def framed(self, ids: list[int], start: int, end: int) -> list[int]:
        """Return the ids that an encoder reads for a source of these symbols."""


class BareSources(Spec, SourceMarks):
    """A source's symbols alone, as the paper's models read them."""

    def framed(self, ids: list[int], start: int, end: int) -> list[int]:
        return ids


class MarkedSources(Spec, SourceMarks):
    """A source between START and END.

    Relative positions show how far apart two tokens are, but not where a sequence begins and ends, and much depends on
    that: a final consonant is devoiced, a stress falls on the penultimate syllable.
    """

    def framed(self, ids: list[int], start: int, end: int) -> list[int]:
        return [start, *ids, end]


@dataclass(frozen=True)
class SymbolTable:
    """The symbols of one side, numbered in this order, and after them START, END and PAD."""

    symbols: tuple[str, ...]

    @property
    def start(self) -> int:
        return len(self.symbols)

    @property
    def end(self) -> int:
        return len(self.symbols) + 1

    @property
    def pad(self) -> int:
        return len(self.symbols) + 2

    @property
    def size(self) -> int:
        """The number of ids."""
        return len(self.symbols) + 3

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Each symbol's number."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def encode(self, symbols: Sequence[str]) -> list[int]:
        """Return the symbols' numbers.

        Raises:
            SeqwrightError: a symbol is not in the table.
        """
        for symbol in symbols:
            if symbol not in self.numbers:
                raise SeqwrightError(
                    f"{symbol!r} (in {spell(symbols)!r}) is not a symbol of the training data",
                    fix=f"its symbols are {' '.join(self.symbols[:40])}",
                )
        return [self.numbers[symbol] for symbol in symbols]


class StoredVocabulary(Spec, tag="Symbols"):
    """The symbols of some data, as a run's folder keeps them; see :class:`Vocabulary`."""

    symbols: tuple[str, ...]
    source_symbols: tuple[str, ...] | None = None
    source_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """The symbols of targets and of sources, each side numbered by a :class:`SymbolTable`.

    A model reads :attr:`size` ids on the target side and :attr:`source_size` on the source side, and has :attr:`outputs`
    logits, for the target's symbols, START and END. START is never a valid prediction. Targets are always between START
    and END, sources where ``marks`` puts them there.

    Attributes:
        symbols: those of targets, and of sources where these have no symbols of their own.
        source_symbols: those of sources; ``None`` where both sides share one table.
        source_only: symbols of a shared table that no target has, and that are therefore never generated.
        marks: the marks around sources.

    >>> vocabulary = Vocabulary(("0", "1"))
    >>> vocabulary.batch([Pair.of("01", "1")]).labels.tolist()  # 1, then END
    [[1, 3]]
    >>> apart = Vocabulary(("o", "p"), ("0", "1", "2"))
    >>> apart.encode_source("20"), apart.encode("op"), apart.source_size, apart.size, apart.outputs
    ([2, 0], [0, 1], 6, 5, 4)
    """

    symbols: tuple[str, ...]
    source_symbols: tuple[str, ...] | None = None
    marks: SourceMarks = field(default_factory=BareSources)
    source_only: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Vocabulary:
        """Return a shared vocabulary of the symbols that occur in some pairs, sorted."""
        return cls(tuple(sorted({symbol for pair in pairs for side in pair for symbol in side})))

    @classmethod
    def from_stored(cls, stored: StoredVocabulary, marks: SourceMarks | None = None) -> Vocabulary:
        """Return the vocabulary of a file."""
        return cls(stored.symbols, stored.source_symbols, marks or BareSources(), stored.source_only)

    def stored(self) -> StoredVocabulary:
        """Return the vocabulary as a file keeps it."""
        return StoredVocabulary(symbols=self.symbols, source_symbols=self.source_symbols, source_only=self.source_only)

    @property
    def shared(self) -> bool:
        """True if both sides share one table."""
        return self.source_symbols is None

    @property
    def summary(self) -> str:
        """The tables in words."""
        if self.source_symbols is not None:
            return (
                f"{len(self.source_symbols):,} source and {len(self.symbols):,} target symbols, a table for each side"
            )
        never = f"; {len(self.source_only):,} are on no target and never predicted" if self.source_only else ""
        return f"{len(self.symbols):,} symbols, one table{never}"

    @cached_property
    def target(self) -> SymbolTable:
        return SymbolTable(self.symbols)

    @cached_property
    def source(self) -> SymbolTable:
        return self.target if self.source_symbols is None else SymbolTable(self.source_symbols)

    def table(self, side: Side) -> SymbolTable:
        """Return the table of one side."""
        return self.target if side == "target" else self.source

    @property
    def start(self) -> int:
        return self.target.start

    @property
    def end(self) -> int:
        return self.target.end

    @property
    def pad(self) -> int:
        """The id of target padding, which labels have there, too."""
        return self.target.pad

    @property
    def outputs(self) -> int:
        """The number of a model's logits."""
        return self.target.pad

    @property
    def size(self) -> int:
        """The number of ids on the target side."""
        return self.target.size

    @property
    def source_size(self) -> int:
        """The number of ids on the source side."""
        return self.source.size

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The ids that are never generated."""
        return (self.start, *self.target.encode(self.source_only))

    def encode(self, symbols: Sequence[str]) -> list[int]:
        """Return the numbers of target symbols; see :meth:`SymbolTable.encode`."""
        return self.target.encode(symbols)

    def encode_source(self, symbols: Sequence[str]) -> list[int]:
        """Return the ids that an encoder reads for a source, marks included; see :meth:`SymbolTable.encode`.

        >>> Vocabulary(("0", "1"), marks=MarkedSources()).encode_source("011")
        [2, 0, 1, 1, 3]
        """
        return self.marks.framed(self.source.encode(symbols), self.source.start, self.source.end)

    def decode(self, ids: Sequence[int], side: Side = "target") -> tuple[str, ...]:
        """Return the symbols of these ids, with START, END and PAD as ``<start>``, ``<end>`` and ``<pad>``."""
        names = (*self.table(side).symbols, "<start>", "<end>", "<pad>")
        return tuple(names[number] for number in ids)

    def unknown(self, symbols: Iterable[str], side: Side = "target") -> list[str]:
        """Return the symbols that are not in a side's table, in order."""
        numbers = self.table(side).numbers
        return [symbol for symbol in symbols if symbol not in numbers]

    def known(self, symbols: Iterable[str], side: Side = "target") -> tuple[str, ...]:
        """Return the symbols that are in a side's table, in order."""
        numbers = self.table(side).numbers
        return tuple(symbol for symbol in symbols if symbol in numbers)

    def known_pair(self, pair: Pair) -> Pair:
        """Return a pair without the symbols that its sides' tables lack."""
        return Pair(self.known(pair.source, "source"), self.known(pair.target))

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Encode pairs: START and the target as input, the target and END as labels."""
        targets = [self.encode(pair.target) for pair in pairs]
        return Batch(
            self._sources(pairs),
            Tokens.of([[self.start, *target] for target in targets], pad=self.pad),
            Tokens.of([[*target, self.end] for target in targets], pad=self.pad).ids,
        )

    def prompts(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """Encode the sources, each with START as its prefix."""
        return Prompts(self._sources(pairs), Tokens.of([[self.start]] * len(pairs)), self.end, limit)

    def _sources(self, pairs: Sequence[Pair]) -> Tokens:
        return Tokens.of([self.encode_source(pair.source) for pair in pairs], pad=self.source.pad)

    def answer(self, ids: Tensor) -> tuple[str, ...]:
        """Return the symbols before END; a START that a model predicts is shown as ``<start>``."""
        row = ids.tolist()
        return self.decode(row[: row.index(self.end)] if self.end in row else row)

    def is_correct(self, pair: Pair, ids: Tensor) -> bool:
        """Return whether the ids are the target, then END."""
        return self.end in ids.tolist() and self.answer(ids) == pair.target

    def correct_tokens(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.argmax(-1) == labels) | (labels == self.pad)

    def choose(self, logits: Tensor) -> Tensor:
        return logits[..., : self.outputs].argmax(-1)

    def distribution(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)
