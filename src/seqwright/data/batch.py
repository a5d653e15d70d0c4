"""A task is a set of pairs; a batch is some of them as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Shaped
from torch import Tensor

from seqwright.core.tokens import Tokens


class Pair(NamedTuple):
    """A source and the target it should be answered with, as tuples of symbols.

    >>> Pair.of("01", "10")
    Pair(source=('0', '1'), target=('1', '0'))
    """

    source: tuple[str, ...]
    target: tuple[str, ...]

    @classmethod
    def of(cls, source: str, target: str) -> Pair:
        """A pair whose symbols are single characters."""
        return cls(tuple(source), tuple(target))


def spell(symbols: Sequence[str]) -> str:
    """Symbols as people read them: run together where each is one character, spaced otherwise.

    >>> spell(("0", "1")), spell(("oʊ", "k"))
    ('01', 'oʊ k')
    """
    return ("" if all(len(symbol) == 1 for symbol in symbols) else " ").join(symbols)


@dataclass(frozen=True)
class Batch:
    """What a model trains on: sources, the targets' tokens so far, and after each of these the token to come.

    Attributes:
        source: ``[b s]``, or ``None`` where there is nothing to answer, only something to continue.
        target: ``[b t]``.
        labels: ``[b t]``, the token after each of ``target``; at padding, the vocabulary's padding symbol.
    """

    source: Tokens | None
    target: Tokens
    labels: Shaped[Tensor, "b t"]

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        return Batch(self.source and self.source.to(device), self.target.to(device), self.labels.to(device))

    def without_rows(self) -> Batch:
        """No row of it: what a process computes that has no share in a small batch."""
        none = slice(0, 0)
        source = self.source and Tokens(self.source.ids[none], self.source.at[none])
        return Batch(source, Tokens(self.target.ids[none], self.target.at[none]), self.labels[none])

    def rows_innermost(self) -> Batch:
        """The same batch, laid out for many small models at once (:meth:`Tokens.rows_innermost`)."""
        return Batch(
            self.source and self.source.rows_innermost(),
            self.target.rows_innermost(),
            self.labels.mT.contiguous().mT,
        )


@dataclass(frozen=True)
class Prompts:
    """What a model is asked with: sources, the first target token, and when the answer ends.

    Attributes:
        source: ``[b s]``, or ``None`` where a prompt is to be continued.
        first: ``[b p]``, the target tokens that are given; unequal prompts are padded on the left.
        end: the symbol after which an answer is over; ``None`` where its length is fixed.
        limit: how many tokens are generated at most.
    """

    source: Tokens | None
    first: Tokens
    end: int | None
    limit: int


@runtime_checkable
class Coder(Protocol):
    """Between pairs of symbols and what a kind of model reads and says."""

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Pairs side by side, padded to a rectangle."""
        ...

    def question(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """The same sources, to be answered by generating."""
        ...

    def answer(self, row: Tensor) -> tuple[str, ...]:
        """The symbols of one generated row, up to its end."""
        ...

    def right(self, pair: Pair, row: Tensor) -> bool:
        """Whether a generated row answers the pair."""
        ...

    def agrees(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``Bool[b t]``: where the model's next token, shown the truth so far, is the label; true at padding."""
        ...

    def choose(self, logits: Tensor) -> Tensor:
        """``[b v]`` to ``[b]``: the token that a greedy reader takes."""
        ...

    def distribution(self, logits: Tensor) -> Tensor:
        """``[b t v]`` to ``[b t u]``: what the model says on a scale where 1 is a whole symbol's worth."""
        ...


@dataclass(frozen=True)
class PairSet:
    """A fixed list of pairs, each repeated: the whole list is one batch.

    Attributes:
        name: what tables call it.
        pairs: the distinct pairs.
        copies: rows of each. Copies are rows of their own: dropout treats each differently.
    """

    name: str
    pairs: tuple[Pair, ...]
    copies: int = 1

    def rows(self) -> list[Pair]:
        """All rows, in order."""
        return [pair for pair in self.pairs for _ in range(self.copies)]


def limit(pairs: Sequence[Pair]) -> int:
    """How many tokens an answer may have: twice the longest target; one that long has not stopped by itself.

    >>> limit([Pair.of("01", "101")])  # three symbols and END
    8
    """
    return 2 * max(len(pair.target) + 1 for pair in pairs)
