"""A text as a Hugging Face tokenizer reads it, and as people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.viewer.record import Span
from seqwright.viewer.words import spans, words_of


@dataclass(frozen=True)
class Read:
    """Tokens.

    Attributes:
        ids: what the model reads.
        tokens: what they are called.
        words: spans of tokens that are one word, where the tokenizer says so.
        special: places of tokens that stand for no text.
        given: whatever else the tokenizer gives the model, by name.
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    words: tuple[Span, ...] | None
    special: frozenset[int]
    given: dict[str, Any]


def read(tokenizer: Any, text: str | Sequence[str], pair: str | None = None) -> Read:
    """A text (and another) as one row; a text may be words already."""
    if isinstance(text, str):
        encoding = (
            tokenizer(text, pair, return_tensors="pt") if pair is not None else tokenizer(text, return_tensors="pt")
        )
    else:
        encoding = tokenizer(list(text), is_split_into_words=True, return_tensors="pt")
    ids = encoding["input_ids"][0].tolist()
    given = {name: value for name, value in encoding.items() if name not in ("input_ids", "attention_mask")}
    return called(tokenizer, ids, word_of=_word_of(encoding, len(ids)), given=given)


def called(
    tokenizer: Any, ids: Sequence[int], word_of: list[Any] | None = None, given: dict[str, Any] | None = None
) -> Read:
    """Tokens that are already numbers."""
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    marks = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}  # an unknown word is a word all the same
    special = frozenset(place for place, number in enumerate(ids) if number in marks)
    if _in_bytes(tokenizer):  # pieces are spelt in an alphabet that stands for bytes
        pieces = [piece if place in special else tokenizer.decode([number]) for place, (piece, number) in enumerate(zip(pieces, ids, strict=True))]  # fmt: skip
    words = spans(word_of) if word_of is not None else words_of(pieces, special)
    return Read(tuple(ids), tuple(map(str, pieces)), words, special, given or {})


def _in_bytes(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in repr(backend.decoder)


def _word_of(encoding: Any, length: int) -> list[Any] | None:
    """Each token's word, told apart by the text that it is in; ``None`` where the tokenizer is a slow one."""
    if not getattr(encoding, "is_fast", False):
        return None
    texts, words = encoding.sequence_ids(0), encoding.word_ids(0)
    found = [None if word is None else (text, word) for text, word in zip(texts, words, strict=True)]
    return found if len(found) == length else None
