"""Attention between the words of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float

from seqwright.viewer.record import Array, AttentionRecord
from seqwright.viewer.word_spans import merged

Attend = Callable[[Sequence[str]], AttentionRecord | None]
"""A function from a sentence's words to a record with their spans; ``None`` where the sentence cannot be read."""


class SentenceReader:
    """A model that reads sentences: the layers and heads that it records, and the numbers of sentences read and skipped."""

    def __init__(self, attend: Attend) -> None:
        self.attend, self.sentences, self.skipped = attend, 0, 0
        self.layers: Sequence[int] = ()
        self.heads: Sequence[int] = ()

    def weights(self, words: Sequence[str]) -> Float[Array, "l h w w"] | None:
        """Return attention between the words of a sentence; ``None`` where it cannot be read, or is split into other words."""
        record = self.attend(words)
        found = between_words(record, len(words))
        if record is None or found is None:
            self.skipped += 1
        else:
            self.sentences += 1
            self.layers, self.heads = record.layers, record.heads
        return found


def between_words(record: AttentionRecord | None, words: int) -> Float[Array, "l h w w"] | None:
    """Return attention between words, without special tokens; ``None`` where the tokens do not make so many words."""
    if record is None:
        return None
    spans = record.words or tuple((index, index + 1) for index in range(len(record.tokens)))
    kept = [index for index, (first, _) in enumerate(spans) if first not in record.special]
    if len(kept) != words:
        return None
    return merged(record.weights, spans, spans)[:, :, kept][:, :, :, kept]
