"""Attention between the words of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float

from seqwright.viewer.record import Array, AttentionRecord
from seqwright.viewer.word_spans import merged

Attend = Callable[[Sequence[str]], AttentionRecord | None]
"""A sentence, as words, to what the model attends to while it reads it; the record says which tokens are which word. Nothing where it
cannot be read."""


def between_words(record: AttentionRecord | None, words: int) -> Float[Array, "l h w w"] | None:
    """Attention between so many words, tokens without text left out; ``None`` where the tokens are not those of so many words."""
    if record is None:
        return None
    spans = record.words or tuple((place, place + 1) for place in range(len(record.tokens)))
    kept = [place for place, (first, _) in enumerate(spans) if first not in record.special]
    if len(kept) != words:
        return None
    return merged(record.weights, spans, spans)[:, :, kept][:, :, :, kept]
