"""A text as tokens of a Hugging Face tokenizer, with the words they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.viewer.assemble import TokenSequence
from seqwright.viewer.word_spans import spans, words_of


@dataclass(frozen=True)
class TokenisedText(TokenSequence):
    """Tokens with the inputs of a model.

    Attributes:
        ids: the tokens' ids.
        others: further inputs from the tokenizer, by name.
    """

    ids: tuple[int, ...]
    others: dict[str, Any]


def tokenise(tokenizer: Any, text: str | Sequence[str], pair: str | None = None) -> TokenisedText:
    """Tokenise a text, and perhaps a second one, as one row; words are joined by spaces.

    Raises:
        SeqwrightError: Words are given together with a second text.
    """
    words = None if isinstance(text, str) else list(text)
    if words is not None and pair is not None:
        raise SeqwrightError("words cannot have a pair", fix="give two strings, or words and no pair")
    joined = text if isinstance(text, str) else " ".join(text)
    fast = bool(getattr(tokenizer, "is_fast", False))
    encoding = tokenizer(joined, pair, return_tensors="pt", **({"return_offsets_mapping": True} if fast else {}))
    ids = encoding["input_ids"][0].tolist()
    letters = encoding.pop("offset_mapping")[0].tolist() if fast else []
    word_of = None if not fast else _word_of(encoding) if words is None else _word_at(joined, words, letters)
    others = {name: value for name, value in encoding.items() if name not in ("input_ids", "attention_mask")}
    return of_ids(tokenizer, ids, word_of, others)


def of_ids(
    tokenizer: Any, ids: Sequence[int], word_of: Sequence[Any] | None = None, others: dict[str, Any] | None = None
) -> TokenisedText:
    """Return the tokens of ids."""
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    marks = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}  # unknown words are words
    special = frozenset(index for index, number in enumerate(ids) if number in marks)
    if "ByteLevel" in repr(getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)):
        pieces = [piece if index in special else of_bytes(piece) for index, piece in enumerate(pieces)]
    words = spans(word_of) if word_of is not None else words_of(pieces, special)
    return TokenisedText(tuple(map(str, pieces)), words, special, tuple(ids), others or {})


PRINTING = (*range(33, 127), *range(161, 173), *range(174, 256))
OTHERS = (byte for byte in range(256) if byte not in PRINTING)
BYTES = {chr(byte): byte for byte in PRINTING} | {chr(256 + index): byte for index, byte in enumerate(OTHERS)}
"""The bytes that letters of byte-level tokens represent: a byte's own letter where it prints, else one from 256 on (Radford et al. 2019)."""


def of_bytes(piece: str) -> str:
    """Decode a byte-level token; bytes that are not a whole character are written as numbers.

    >>> of_bytes("Ġcat"), of_bytes("Ã©"), of_bytes("Ã")
    (' cat', 'é', '⟨C3⟩')
    """
    if not set(piece) <= BYTES.keys():  # a token that was added by name
        return piece
    data = bytes(BYTES[letter] for letter in piece)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"⟨{byte:02X}⟩" for byte in data)


def _word_of(encoding: Any) -> list[Any]:
    """Return each token's word as the tokenizer splits them, with the number of its text."""
    texts, words = encoding.sequence_ids(0), encoding.word_ids(0)
    return [None if word is None else (text, word) for text, word in zip(texts, words, strict=True)]


def _word_at(text: str, words: Sequence[str], letters: Sequence[Sequence[int]]) -> list[int | None]:
    """Return each token's word among those that were joined: the word of its first letter, or the next one."""
    owner: list[int] = []
    for number, word in enumerate(words):
        owner += [number] * (len(word) + 1)
    found: list[int | None] = []
    for first, end in letters:
        letter = next((at for at in range(first, end) if not text[at].isspace()), min(end, len(owner) - 1))
        found.append(None if first == end else owner[letter])
    return found
