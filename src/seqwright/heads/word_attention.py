"""Attention between the words of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float

from seqwright.viewer.record import Array, AttentionRecord
from seqwright.viewer.word_spans import merged

Attend = Callable[[Sequence[str]], AttentionRecord | None]
"""A function from a sentence's words to a record with their spans; ``None`` where the sentence cannot be read."""


def between_words(record: AttentionRecord | None, words: int) -> Float[Array, "l h w w"] | None:
    """Return attention between words, without special tokens; ``None`` where the tokens do not make so many words."""
    if record is None:
        return None
    spans = record.words or tuple((index, index + 1) for index in range(len(record.tokens)))
    kept = [index for index, (first, _) in enumerate(spans) if first not in record.special]
    if len(kept) != words:
        return None
    return merged(record.weights, spans, spans)[:, :, kept][:, :, :, kept]
