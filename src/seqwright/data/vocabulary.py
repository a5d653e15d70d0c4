"""Symbols and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch, Pair, Prompts, spell


class BareSources(Spec):
    """A source's symbols alone, as the paper's models read them."""

    def framed(self, ids: list[int], start: int, end: int) -> list[int]:
        """What an encoder reads of a source of these symbols."""
        return ids


class MarkedSources(Spec):
    """A source between START and END.

    Positions that tell how far apart two tokens lie do not tell where a sequence begins and ends, and much depends on that: a
    final consonant is devoiced, a stress falls on the last syllable but one.
    """

    def framed(self, ids: list[int], start: int, end: int) -> list[int]:
        """What an encoder reads of a source of these symbols."""
        return [start, *ids, end]


SourcesSpec = BareSources | MarkedSources


@dataclass(frozen=True)
class Vocabulary:
    """The symbols that both sides are written in; after them come START, END and PAD, in this order.

    A model says symbols, START and END, never PAD: :attr:`outputs` numbers, while it reads :attr:`size`. Targets always
    stand between START and END, sources where ``sources`` says so.

    >>> vocabulary = Vocabulary(("0", "1"))
    >>> vocabulary.batch([Pair.of("01", "1")]).labels.tolist()  # 1, then the end
    [[1, 3]]
    """

    symbols: tuple[str, ...]
    sources: SourcesSpec = field(default_factory=BareSources)

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Vocabulary:
        """The symbols that occur in the pairs, sorted."""
        return cls(tuple(sorted({symbol for pair in pairs for side in pair for symbol in side})))

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
    def outputs(self) -> int:
        """How many symbols can be said."""
        return len(self.symbols) + 2

    @property
    def size(self) -> int:
        """How many symbols can be read."""
        return len(self.symbols) + 3

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The ids that are never generated."""
        return (self.start,)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def encode(self, symbols: Sequence[str]) -> list[int]:
        """The symbols' numbers.

        Raises:
            SeqwrightError: a symbol that is not in the vocabulary.
        """
        for symbol in symbols:
            if symbol not in self._numbers:
                raise SeqwrightError(
                    f"{symbol!r} (in {spell(symbols)!r}) is a symbol that training never showed",
                    fix=f"the model knows {' '.join(self.symbols[:40])}",
                )
        return [self._numbers[symbol] for symbol in symbols]

    def source(self, symbols: Sequence[str]) -> list[int]:
        """What an encoder reads of a source; see :meth:`encode`.

        >>> Vocabulary(("0", "1"), MarkedSources()).source("011")
        [2, 0, 1, 1, 3]
        """
        return self.sources.framed(self.encode(symbols), self.start, self.end)

    def number(self, symbol: str) -> int:
        """The symbol's number, −1 for one that training never showed."""
        return self._numbers.get(symbol, -1)

    def spelt(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The symbols of these numbers."""
        names = (*self.symbols, "<start>", "<end>", "<pad>")
        return tuple(names[number] for number in ids)

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that training never showed, in order."""
        return [symbol for symbol in symbols if symbol not in self._numbers]

    def known(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """The symbols that training showed, in order: what is left to a model of a sequence with others in it."""
        return tuple(symbol for symbol in symbols if symbol in self._numbers)

    def known_pair(self, pair: Pair) -> Pair:
        """The same of both sides of a pair."""
        return Pair(self.known(pair.source), self.known(pair.target))

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """START and the target go in; the target and END are to come out."""
        targets = [self.encode(pair.target) for pair in pairs]
        return Batch(
            Tokens.of([self.source(pair.source) for pair in pairs], pad=self.pad),
            Tokens.of([[self.start, *target] for target in targets], pad=self.pad),
            Tokens.of([[*target, self.end] for target in targets], pad=self.pad).ids,
        )

    def question(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """The sources, and START."""
        source = Tokens.of([self.source(pair.source) for pair in pairs], pad=self.pad)
        return Prompts(source, Tokens.of([[self.start]] * len(pairs)), self.end, limit)

    def answer(self, row: Tensor) -> tuple[str, ...]:
        """The symbols before END; a START that a model says is shown as ``<start>``."""
        ids = row.tolist()
        return self.spelt(ids[: ids.index(self.end)] if self.end in ids else ids)

    def right(self, pair: Pair, row: Tensor) -> bool:
        """The target, then END."""
        return self.end in row.tolist() and self.answer(row) == pair.target

    def agrees(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.argmax(-1) == labels) | (labels == self.pad)

    def choose(self, logits: Tensor) -> Tensor:
        return logits[..., : self.outputs].argmax(-1)

    def distribution(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)


TOLERANCE = 0.25
"""How near a scalar answer must come: nearer than to anything in the middle between two symbols' half-way marks."""


@dataclass(frozen=True)
class Scalars:
    """Symbols as the numbers they spell, with neither START nor END.

    The length is fixed; the target's first value is given, and is the source's first.
    """

    def _tokens(self, rows: list[list[float]]) -> Tokens:
        return Tokens.of(rows, dtype=torch.get_default_dtype())

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """All but the last value go in; all but the first are to come out."""
        source, target = ([[float(s) for s in side] for side in sides] for sides in zip(*pairs, strict=True))
        return Batch(
            self._tokens(source),
            self._tokens([row[:-1] for row in target]),
            self._tokens([row[1:] for row in target]).ids,
        )

    def question(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """The sources, each one's first value, and one value fewer to come; ``limit`` plays no part."""
        source = self._tokens([[float(s) for s in pair.source] for pair in pairs])
        first = Tokens(source.ids[:, :1], source.at[:, :1])
        return Prompts(source, first, None, len(pairs[0].target) - 1)

    def answer(self, row: Tensor) -> tuple[str, ...]:
        return tuple(f"{round(value, 2) + 0.0:.2f}" for value in row.tolist())  # + 0.0: no −0.00

    def right(self, pair: Pair, row: Tensor) -> bool:
        """Every generated value within :data:`TOLERANCE` of the target's."""
        wanted = torch.tensor([float(s) for s in pair.target[1:]], dtype=row.dtype)
        return bool(((row - wanted).abs() < TOLERANCE).all())

    def agrees(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits[..., 0] - labels).abs() < TOLERANCE

    def choose(self, logits: Tensor) -> Tensor:
        return logits[..., 0]

    def distribution(self, logits: Tensor) -> Tensor:
        return logits
