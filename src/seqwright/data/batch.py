"""Pairs of sequences, and batches and prompts of them as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Shaped
from torch import Tensor

from seqwright.core.tokens import Tokens


class Pair(NamedTuple):
    """A source and its target, as tuples of symbols.

    >>> Pair.of("01", "10")
    Pair(source=('0', '1'), target=('1', '0'))
    """

    source: tuple[str, ...]
    target: tuple[str, ...]

    @classmethod
    def of(cls, source: str, target: str) -> Pair:
        """Return a pair whose symbols are single characters."""
        return cls(tuple(source), tuple(target))


def spell(symbols: Sequence[str]) -> str:
    """Write symbols as text: without spaces where each is one character, with spaces otherwise.

    >>> spell(("0", "1")), spell(("oʊ", "k"))
    ('01', 'oʊ k')
    """
    return ("" if all(len(symbol) == 1 for symbol in symbols) else " ").join(symbols)


@dataclass(frozen=True)
class Batch:
    """A batch of training rows: sources, target tokens, and for each of these the token that follows it.

    Attributes:
        source: ``[b s]``, or ``None`` where the model has no source.
        target: ``[b t]``.
        labels: ``[b t]``, the token after each of ``target``; at padding, the vocabulary's padding id.
    """

    source: Tokens | None
    target: Tokens
    labels: Shaped[Tensor, "b t"]

    def to(self, device: str) -> Batch:
        """Return the same batch on another device."""
        return Batch(self.source and self.source.to(device), self.target.to(device), self.labels.to(device))

    def without_rows(self) -> Batch:
        """Return a batch of no rows, for a process that has no share in a small batch."""
        none = slice(0, 0)
        source = self.source and Tokens(self.source.ids[none], self.source.at[none])
        return Batch(source, Tokens(self.target.ids[none], self.target.at[none]), self.labels[none])

    def rows_innermost(self) -> Batch:
        """Return the same batch in the memory layout for many small models at once (:meth:`Tokens.rows_innermost`)."""
        return Batch(
            self.source and self.source.rows_innermost(),
            self.target.rows_innermost(),
            self.labels.mT.contiguous().mT,
        )


@dataclass(frozen=True)
class Prompts:
    """A batch of prompts: sources, the given beginnings of the targets, and when an answer ends.

    Attributes:
        source: ``[b s]``, or ``None`` where the model has no source.
        prefix: ``[b p]``, the target tokens that are given; shorter ones are padded on the left.
        end: the id that ends an answer; ``None`` where its length is fixed.
        limit: the greatest number of tokens to generate.
    """

    source: Tokens | None
    prefix: Tokens
    end: int | None
    limit: int


@runtime_checkable
class Coder(Protocol):
    """A translation between pairs of symbols and the tensors of one kind of model."""

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Encode pairs for training, padded to a rectangle."""
        ...

    def prompts(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """Encode the sources for generating at most ``limit`` tokens each."""
        ...

    def answer(self, ids: Tensor) -> tuple[str, ...]:
        """Decode one generated row ``[t]`` up to its end."""
        ...

    def is_correct(self, pair: Pair, ids: Tensor) -> bool:
        """Return whether a generated row ``[t]`` is the pair's target."""
        ...

    def correct_tokens(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return ``Bool[b t]``: where the predicted next token is the label, under teacher forcing; true at padding."""
        ...

    def choose(self, logits: Tensor) -> Tensor:
        """Return the tokens ``[b]`` that greedy decoding takes from logits ``[b v]``."""
        ...

    def distribution(self, logits: Tensor) -> Tensor:
        """Return predictions ``[b t u]`` from logits ``[b t v]``, on a scale where 1 is a whole symbol's difference."""
        ...


def limit(pairs: Sequence[Pair]) -> int:
    """Return the greatest number of tokens of an answer: twice the longest target; a longer one would not end by itself.

    >>> limit([Pair.of("01", "101")])  # three symbols and END
    8
    """
    return 2 * max(len(pair.target) + 1 for pair in pairs)
