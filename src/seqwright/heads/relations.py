"""Grammatical relations predicted by attention heads (Clark et al. 2019, §4.2).

A head predicts as the governor of a word the other word with the greatest weight from it (``dependent → head``), or the one with
the greatest weight to it (``head ← dependent``), special tokens left out; the better direction counts. The baseline is the best
fixed offset, such as "the next word".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
import numpy as np
from jaxtyping import Float

from seqwright.evaluation.bootstrap import Interval, ends, ratios, resampled
from seqwright.heads.cross_validation import held_out
from seqwright.heads.treebank import Sentence
from seqwright.heads.word_attention import Attend, SentenceReader
from seqwright.viewer.record import Array

DIRECTIONS = ("dependent → head", "head ← dependent")
OFFSETS = (-3, -2, -1, 1, 2, 3)
MIN_COUNT = 30
"""Occurrences that a relation needs to be reported."""
LEFT_OUT = frozenset({"root", "punct"})
ALL = "all"


class Relation(msgspec.Struct, frozen=True):
    """A grammatical relation and the head that predicts it best.

    Attributes:
        count: its occurrences.
        layer, head, direction: the best head, counted from 0, and the direction of its attention.
        accuracy, interval: the share of right predictions, with its interval over sentences.
        held_out: the accuracy in twofold cross-validation.
        offset, baseline: the best fixed offset, and its accuracy.
        gain: the interval of accuracy − baseline, over sentences.
        by_layer: the best accuracy in each layer.
    """

    name: str
    count: int
    layer: int
    head: int
    direction: str
    accuracy: float
    interval: Interval | None
    held_out: float
    offset: int
    baseline: float
    gain: Interval | None
    by_layer: tuple[float, ...]

    @property
    def beats_offset(self) -> bool:
        """True where the head is better than the best offset, by the interval of the gain and held out."""
        return self.gain is not None and self.gain[0] > 0 and self.held_out > self.baseline


class Relations(msgspec.Struct, frozen=True):
    """All relations, the commonest first; ``skipped`` sentences were split into other words by the model's tokenizer."""

    relations: tuple[Relation, ...]
    layers: tuple[int, ...]
    sentences: int
    skipped: int


_Hits = list[tuple[Array, Array, int]]
"""For each sentence the right predictions of each head ``[l h d]`` and of each offset ``[o]``, and the number of words."""


def relations(attend: Attend, treebank: Iterable[Sentence]) -> Relations:
    """Find the best head for every relation that occurs often enough.

    Args:
        attend: a function from words to a record.
        treebank: sentences with their relations.

    >>> import numpy as np
    >>> from seqwright.viewer.record import AttentionRecord
    >>> always_next = lambda words: AttentionRecord(words, "encoder", np.eye(len(words), k=1)[None, None])
    >>> found = relations(always_next, [Sentence(("the", "cat"), (1, -1), ("det", "root"))] * 40)
    >>> [(each.name, each.accuracy, each.offset, each.baseline) for each in found.relations]
    [('all', 1.0, 1, 1.0), ('det', 1.0, 1, 1.0)]
    """
    found: dict[str, _Hits] = defaultdict(list)
    reader = SentenceReader(attend)
    for sentence in treebank:
        weights = reader.weights(sentence.words)
        if weights is not None and len(sentence.words) > 1:
            _count(found, sentence, weights)
    counts = {name: sum(count for *_, count in hits) for name, hits in found.items()}
    kept = sorted((name for name in found if counts[name] >= MIN_COUNT), key=lambda name: (name != ALL, -counts[name]))
    best = tuple(_best(name, found[name], reader) for name in kept)
    return Relations(best, tuple(reader.layers), reader.sentences, reader.skipped)


def _count(found: dict[str, _Hits], sentence: Sentence, weights: Float[Array, "l h w w"]) -> None:
    """Add the words of a sentence to the hits of their relations."""
    size = len(sentence.words)
    others = weights.copy()
    others[:, :, np.arange(size), np.arange(size)] = -1
    predicted = np.stack([others.argmax(-1), others.argmax(-2)], axis=-1)  # [l h w d]
    governors = np.array(sentence.heads)
    right = np.moveaxis(predicted == governors[:, None], 2, 0)  # [w l h d]
    near = np.stack([np.arange(size) + offset == governors for offset in OFFSETS], axis=-1)
    names = np.array(sentence.relations)
    for name in {ALL, *sentence.relations} - LEFT_OUT:
        at = (names == name) if name != ALL else ~np.isin(names, list(LEFT_OUT))
        if at.any():
            of_heads, of_offsets = (each[at].sum(0).astype(np.float32) for each in (right, near))
            found[name].append((of_heads, of_offsets, int(at.sum())))


def _best(name: str, hits: _Hits, reader: SentenceReader) -> Relation:
    of_heads, of_offsets, counts = map(np.stack, zip(*hits, strict=True))
    flat = of_heads.reshape(len(counts), -1)
    best, offset = int(flat.sum(0).argmax()), int(of_offsets.sum(0).argmax())
    layer, head, direction = map(int, np.unravel_index(best, of_heads.shape[1:]))
    total = counts.sum()
    drawn = resampled(np.stack([flat[:, best], of_offsets[:, offset], counts], axis=1))
    accurate, near = ratios(drawn[:, 0], drawn[:, 2]), ratios(drawn[:, 1], drawn[:, 2])
    several = len(counts) > 1
    return Relation(
        name=name,
        count=int(total),
        layer=reader.layers[layer],
        head=reader.heads[head],
        direction=DIRECTIONS[direction],
        accuracy=float(flat[:, best].sum() / total),
        interval=ends(accurate) if several else None,
        held_out=held_out(flat, counts),
        offset=OFFSETS[offset],
        baseline=float(of_offsets[:, offset].sum() / total),
        gain=ends(accurate - near) if several else None,
        by_layer=tuple((of_heads.sum(0).max((1, 2)) / total).tolist()),
    )
