"""Running text: stretches of one long sequence, each token's label the token after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch, Pair, Prompts
from seqwright.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Stretches:
    """Every stretch of ``length`` tokens: row number n is the one that starts at token n.

    Attributes:
        ids: the whole text.
        length: how many tokens a model reads at once.
    """

    ids: Int[np.ndarray, "n"]
    length: int

    def lengths(self) -> Int[np.ndarray, "m 2"]:
        return np.broadcast_to(np.array([0, self.length]), (len(self.ids) - self.length, 2))

    def batch(self, rows: Sequence[int]) -> Batch:
        places = np.asarray(rows, dtype=np.int64)[:, None] + np.arange(self.length + 1)
        taken = torch.from_numpy(self.ids[places].astype(np.int64))
        at = torch.arange(self.length).expand(len(rows), -1)
        return Batch(None, Tokens(taken[:, :-1].contiguous(), at), taken[:, 1:].contiguous())


@dataclass(frozen=True)
class Consecutive:
    """The text cut into stretches of ``length`` tokens, one after the other, the last as long as the rest allows.

    Every token but the first is somebody's label once, so a loss over all rows is the loss of the text.
    """

    ids: Int[np.ndarray, "n"]
    length: int
    pad: int

    def lengths(self) -> Int[np.ndarray, "m 2"]:
        starts = np.arange(0, len(self.ids) - 1, self.length)
        own = np.minimum(self.length, len(self.ids) - 1 - starts)
        return np.stack([np.zeros_like(own), own], 1)

    def batch(self, rows: Sequence[int]) -> Batch:
        pieces = [self.ids[row * self.length : (row + 1) * self.length + 1].tolist() for row in rows]
        target = Tokens.of([piece[:-1] for piece in pieces], pad=self.pad)
        return Batch(None, target, Tokens.of([piece[1:] for piece in pieces], pad=self.pad).ids)


class TextVocabulary(Vocabulary):
    """A vocabulary for models that continue text: a question is a prompt, and its answer ends where its limit is."""

    @property
    def forbidden(self) -> tuple[int, ...]:
        return (self.start, self.end)

    def numbers(self, symbols: Sequence[str], ids: Int[np.ndarray, "n"]) -> Int[np.ndarray, "m"]:
        """A text, given as places in ``symbols``, in this vocabulary's numbers; what training never showed is left out."""
        table = np.array([self.number(symbol) for symbol in symbols], dtype=np.int32)
        mine = table[ids]
        return mine[mine >= 0]

    def question(self, pairs: Sequence[Pair], limit: int) -> Prompts:
        """The sources as prompts, padded on the left."""
        prompts = Tokens.of([self.encode(pair.source) for pair in pairs], pad=self.pad, left=True)
        return Prompts(None, prompts, None, limit)
