"""Subword tokenisers, learnt from the data.

A symbol is a piece of the text itself, with the space before a word, if any, as its first character. ``join`` therefore
concatenates symbols and restores any text, whatever was learnt: a character that was not in the data is a symbol by
itself, unknown to the vocabulary. (Byte-level pieces would leave nothing unknown, but split characters, and a part of a
character is unreadable wherever symbols are shown.)
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.trainers import BpeTrainer, UnigramTrainer

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place
from seqwright.core.spec import Count, Spec
from seqwright.data.tokeniser import Tokeniser

UNKNOWN = "<unk>"


class Subwords(Spec, Tokeniser):
    """Symbols are the pieces that a trained tokeniser of the ``tokenizers`` library finds.

    >>> subwords = LearnBPE(size=9).learn(["the cat", "the hat"] * 9)
    >>> subwords.split("the bat")
    ('the', ' ', 'b', 'at')

    Attributes:
        learnt: the tokeniser's JSON.
    """

    learnt: str

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(self._pieces(text))

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)

    def _pieces(self, text: str) -> Iterator[str]:
        reached = 0
        tokenizer = _parsed(self.learnt)
        encoding, unknown = tokenizer.encode(text, add_special_tokens=False), tokenizer.token_to_id(UNKNOWN)
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            yield from text[reached:start]  # characters that the tokeniser passes over
            start = max(start, reached)
            if token == unknown:
                yield from text[start:end]
            elif end > start:
                yield text[start:end]
            reached = max(reached, end)
        yield from text[reached:]


@lru_cache(maxsize=8)
def _parsed(learnt: str) -> Tokenizer:
    try:
        return Tokenizer.from_str(learnt)
    except Exception as error:  # the library has no class of its own for it
        raise SeqwrightError(f"this is not a trained tokeniser: {error}", fix="train it again") from error


class TokeniserLearner(Place):
    """A way of learning a tokeniser from texts."""

    __slots__ = ()

    @abstractmethod
    def learn(self, texts: Iterable[str]) -> Tokeniser:
        """Learn a tokeniser, the same one for the same texts in any order."""


class LearnBPE(Spec, TokeniserLearner):
    """Byte-pair encoding: merge the most frequent pair of neighbours, repeatedly (Sennrich et al. 2016).

    Attributes:
        size: the number of symbols; never fewer than there are characters.
    """

    size: Count

    def learn(self, texts: Iterable[str]) -> Subwords:
        tokenizer = Tokenizer(BPE(unk_token=UNKNOWN))
        return Subwords(_trained(tokenizer, texts, BpeTrainer(
            vocab_size=self.size + 1, min_frequency=2, special_tokens=[UNKNOWN], show_progress=False
        )).to_str())  # fmt: skip


class LearnUnigram(Spec, TokeniserLearner):
    """Unigram model: start from all frequent pieces, drop those that lower the texts' probability least (Kudo 2018).

    Attributes:
        size: the number of symbols; never fewer than there are characters.
    """

    size: Count

    def learn(self, texts: Iterable[str]) -> Subwords:
        tokenizer = _trained(Tokenizer(Unigram()), texts, UnigramTrainer(
            vocab_size=self.size + 1, special_tokens=[UNKNOWN], unk_token=UNKNOWN, show_progress=False
        ))  # fmt: skip
        tree = json.loads(tokenizer.to_str())
        tree["model"]["vocab"] = _sorted_pieces(tree["model"]["vocab"])
        return Subwords(msgspec.json.encode(tree).decode())


def _trained(tokenizer: Tokenizer, texts: Iterable[str], trainer: BpeTrainer | UnigramTrainer) -> Tokenizer:
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="never")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        tokenizer.train_from_iterator(texts, trainer)
    except SeqwrightError:
        raise
    except Exception as error:  # the library has no class of its own for it
        raise SeqwrightError(
            f"no subwords can be learnt here: {error}", fix="give more text or another size"
        ) from error
    return tokenizer


def _sorted_pieces(vocabulary: list[list]) -> list[list]:
    """Sort the pieces and round their scores, so that every run has the same ones.

    The library sums in the order of a hash table, so that the last digits differ from run to run; and characters that
    are included only so that every text can be written get scores slightly above the lowest, in that order.
    """
    unknown, *pieces = vocabulary
    lowest = min((score for _, score in pieces), default=0.0)
    level = lowest + 1e-4 * len(pieces)
    scores = {piece: round(lowest if len(piece) == 1 and score <= level else score, 6) for piece, score in pieces}
    return [unknown, *([piece, scores[piece]] for piece in sorted(scores, key=lambda piece: (-scores[piece], piece)))]
