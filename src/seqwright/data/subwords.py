"""Symbols that are learnt from the data: frequent pieces of words.

A symbol is the piece of text itself, with the space before a word, if any, as its first character. So ``join`` only
writes symbols one after the other and gives back any text, whatever was learnt: a character that was never seen is a
symbol by itself, for the vocabulary to call unknown. (Byte-level pieces would need no unknown ones, but cut characters
in two, and what they cut is unreadable wherever symbols are shown.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.trainers import BpeTrainer, UnigramTrainer

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec

UNKNOWN = "<unk>"


class Subwords(Spec):
    """The pieces that a trained tokeniser of the ``tokenizers`` library finds.

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
            yield from text[reached:start]  # what the tokeniser has nothing for
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
        raise SeqwrightError(f"this is no trained tokeniser: {error}", fix="train it again") from error


class LearnBPE(Spec):
    """Merge the two neighbours that stand side by side most often, again and again (Sennrich et al. 2016).

    Args:
        size: how many symbols there are to be; never fewer than there are characters.
    """

    size: Count

    def learn(self, texts: Iterable[str]) -> Subwords:
        """The same pieces for the same texts, in whatever order they come."""
        tokenizer = Tokenizer(BPE(unk_token=UNKNOWN))
        return Subwords(_trained(tokenizer, texts, BpeTrainer(
            vocab_size=self.size + 1, min_frequency=2, special_tokens=[UNKNOWN], show_progress=False
        )).to_str())  # fmt: skip


class LearnUnigram(Spec):
    """Start from all frequent pieces, drop those that the texts' probability misses least (Kudo 2018).

    Args:
        size: how many symbols there are to be; never fewer than there are characters.
    """

    size: Count

    def learn(self, texts: Iterable[str]) -> Subwords:
        """The same pieces for the same texts, in whatever order they come."""
        tokenizer = _trained(Tokenizer(Unigram()), texts, UnigramTrainer(
            vocab_size=self.size + 1, special_tokens=[UNKNOWN], unk_token=UNKNOWN, show_progress=False
        ))  # fmt: skip
        tree = json.loads(tokenizer.to_str())
        tree["model"]["vocab"] = _settled(tree["model"]["vocab"])
        return Subwords(msgspec.json.encode(tree).decode())


LearnerSpec = LearnBPE | LearnUnigram


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


def _settled(vocabulary: list[list]) -> list[list]:
    """The pieces in one order, with the scores that every run agrees on.

    The library adds up in the order of a hash table, which differs from run to run in the last digits; and the
    characters that only stand in so that every text can be written get scores a little above the lowest, in that order.
    """
    unknown, *pieces = vocabulary
    lowest = min((score for _, score in pieces), default=0.0)
    level = lowest + 1e-4 * len(pieces)
    scores = {piece: round(lowest if len(piece) == 1 and score <= level else score, 6) for piece, score in pieces}
    return [unknown, *([piece, scores[piece]] for piece in sorted(scores, key=lambda piece: (-scores[piece], piece)))]
