"""A text as a Hugging Face tokenizer reads it, and as people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.viewer.capture import Side
from seqwright.viewer.word_spans import spans, words_of


@dataclass(frozen=True)
class Read(Side):
    """Tokens, and what a model is given of them.

    Attributes:
        ids: what the model reads.
        given: whatever else the tokenizer gives the model, by name.
    """

    ids: tuple[int, ...]
    given: dict[str, Any]


def read(tokenizer: Any, text: str | Sequence[str], pair: str | None = None) -> Read:
    """A text (and another) as one row; a text may be words already, which are read with spaces between them.

    Raises:
        SeqwrightError: words have a pair.
    """
    words = None if isinstance(text, str) else list(text)
    if words is not None and pair is not None:
        raise SeqwrightError("words stand alone in their row", fix="give two strings, or words and no pair")
    joined = text if isinstance(text, str) else " ".join(text)
    fast = bool(getattr(tokenizer, "is_fast", False))
    encoding = tokenizer(joined, pair, return_tensors="pt", **({"return_offsets_mapping": True} if fast else {}))
    ids = encoding["input_ids"][0].tolist()
    letters = encoding.pop("offset_mapping")[0].tolist() if fast else []
    word_of = None if not fast else _word_of(encoding) if words is None else _word_at(joined, words, letters)
    given = {name: value for name, value in encoding.items() if name not in ("input_ids", "attention_mask")}
    return called(tokenizer, ids, word_of=word_of, given=given)


def called(
    tokenizer: Any, ids: Sequence[int], word_of: Sequence[Any] | None = None, given: dict[str, Any] | None = None
) -> Read:
    """Tokens that are already numbers."""
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    marks = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}  # an unknown word is a word all the same
    special = frozenset(place for place, number in enumerate(ids) if number in marks)
    if _in_bytes(tokenizer):
        pieces = [piece if place in special else of_bytes(piece) for place, piece in enumerate(pieces)]
    words = spans(word_of) if word_of is not None else words_of(pieces, special)
    return Read(tuple(map(str, pieces)), words, special, tuple(ids), given or {})


def _in_bytes(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in repr(backend.decoder)


def _alphabet() -> dict[str, int]:
    """Bytes that print stand for themselves; for the others there are letters from 256 on, in order (Radford et al. 2019)."""
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTES = _alphabet()
"""The letters that stand for bytes in byte-level pieces."""


def of_bytes(piece: str) -> str:
    """A byte-level piece as text; bytes that are no whole letter by their numbers.

    >>> of_bytes("Ġcat"), of_bytes("Ã©"), of_bytes("Ã")
    (' cat', 'é', '⟨C3⟩')
    """
    if not set(piece) <= BYTES.keys():  # one that was added by name
        return piece
    data = bytes(BYTES[letter] for letter in piece)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"⟨{byte:02X}⟩" for byte in data)


def _word_of(encoding: Any) -> list[Any]:
    """Each token's word as the tokenizer cuts them, told apart by the text that it is in."""
    texts, words = encoding.sequence_ids(0), encoding.word_ids(0)
    return [None if word is None else (text, word) for text, word in zip(texts, words, strict=True)]


def _word_at(text: str, words: Sequence[str], letters: Sequence[Sequence[int]]) -> list[int | None]:
    """Each token's word, of those that a text was joined from: the one that its first letter is in, or comes after it."""
    owner: list[int] = []
    for number, word in enumerate(words):
        owner += [number] * (len(word) + 1)
    found: list[int | None] = []
    for first, end in letters:
        seen = [place for place in range(first, end) if not text[place].isspace()]
        found.append(None if first == end else owner[seen[0]] if seen else owner[min(end, len(owner) - 1)])
    return found
