"""Which head knows which grammatical relation: does a word's most-attended other word govern it? (Clark et al. 2019, §4.2)

For every word the prediction of a head is the other word that it attends to most (``dependent → head``), or the one that attends to it
most (``head ← dependent``), [CLS] and [SEP] left out; the better direction counts. Beside it stands the best fixed offset:
"the next word", "the one before the last".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from seqwright.evaluation.bootstrap import Interval, ends, ratios, resampled
from seqwright.heads.cross_validation import held_out
from seqwright.heads.treebank import Sentence
from seqwright.heads.word_attention import Attend, between_words
from seqwright.viewer.record import Array

DIRECTIONS = ("dependent → head", "head ← dependent")
OFFSETS = (-3, -2, -1, 1, 2, 3)
LEAST = 30
"""A relation that occurs less often is not told."""
LEFT_OUT = frozenset({"root", "punct"})
ALL = "all"


class Relation(msgspec.Struct, frozen=True):
    """A relation and the head that predicts it best.

    Attributes:
        count: how often it occurs.
        layer, head, direction: the best head, counted from 0, and the direction that it looks in.
        accuracy, interval: the part of its predictions that are right; the interval is over sentences.
        held_out: the accuracy where the head is chosen on one half of the sentences and asked on the other.
        offset, baseline: the best fixed offset, and how often that is right.
        gain: the interval of what the head is better by, over sentences.
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


class Relations(msgspec.Struct, frozen=True):
    """All relations, the commonest first, over these layers; ``skipped`` sentences were split otherwise by the model's tokenizer."""

    relations: tuple[Relation, ...]
    layers: tuple[int, ...]
    sentences: int
    skipped: int


class _Hits:
    """How often each head, and each offset, was right about a relation, sentence by sentence."""

    def __init__(self) -> None:
        self.of_heads: list[Array] = []
        self.of_offsets: list[Array] = []
        self.counts: list[int] = []

    def add(self, of_heads: Bool[Array, "n l h d"], of_offsets: Bool[Array, "n o"]) -> None:
        self.of_heads.append(of_heads.sum(0).astype(np.float32))
        self.of_offsets.append(of_offsets.sum(0).astype(np.float32))
        self.counts.append(len(of_heads))


def relations(attend: Attend, treebank: Iterable[Sentence], *, layers: tuple[int, ...] = (), heads: tuple[int, ...] = ()) -> Relations:  # fmt: skip
    """The best head for every relation that occurs often enough.

    Args:
        attend: what the model attends to in a sentence.
        treebank: sentences with their grammar.
        layers, heads: the numbers of those that ``attend`` records; from 0 on where left out.

    >>> import numpy as np
    >>> from seqwright.viewer.record import AttentionRecord
    >>> always_next = lambda words: AttentionRecord(words, "encoder", np.eye(len(words), k=1)[None, None])
    >>> found = relations(always_next, [Sentence(("the", "cat"), (1, -1), ("det", "root"))] * 40)
    >>> [(each.name, each.accuracy, each.offset, each.baseline) for each in found.relations]
    [('all', 1.0, 1, 1.0), ('det', 1.0, 1, 1.0)]
    """
    found: dict[str, _Hits] = defaultdict(_Hits)
    told = skipped = 0
    for sentence in treebank:
        weights = between_words(attend(sentence.words), len(sentence.words))
        if weights is None:
            skipped += 1
            continue
        told += 1
        if len(sentence.words) > 1:
            _count(found, sentence, weights)
    kept = [(name, hits) for name, hits in found.items() if sum(hits.counts) >= LEAST]
    kept.sort(key=lambda pair: (pair[0] != ALL, -sum(pair[1].counts)))
    best = tuple(_best(name, hits, layers, heads) for name, hits in kept)
    return Relations(best, layers or tuple(range(len(best[0].by_layer) if best else 0)), told, skipped)


def _count(found: dict[str, _Hits], sentence: Sentence, weights: Float[Array, "l h w w"]) -> None:
    """Add a sentence's words."""
    size = len(sentence.words)
    others = weights.copy()
    others[:, :, np.arange(size), np.arange(size)] = -1
    said = np.stack([others.argmax(-1), others.argmax(-2)], axis=-1)  # [l h w d]
    governors = np.array(sentence.heads)
    right = np.moveaxis(said == governors[:, None], 2, 0)  # [w l h d]
    near = np.stack([np.arange(size) + offset == governors for offset in OFFSETS], axis=-1)
    names = np.array(sentence.relations)
    for name in {ALL, *sentence.relations} - LEFT_OUT:
        at = (names == name) if name != ALL else ~np.isin(names, list(LEFT_OUT))
        if at.any():
            found[name].add(right[at], near[at])


def _best(name: str, hits: _Hits, layers: tuple[int, ...], heads: tuple[int, ...]) -> Relation:
    of_heads, of_offsets, counts = np.stack(hits.of_heads), np.stack(hits.of_offsets), np.array(hits.counts)
    flat = of_heads.reshape(len(counts), -1)
    best, offset = int(flat.sum(0).argmax()), int(of_offsets.sum(0).argmax())
    layer, head, direction = np.unravel_index(best, of_heads.shape[1:])
    total = counts.sum()
    drawn = resampled(np.stack([flat[:, best], of_offsets[:, offset], counts], axis=1))
    accurate, near = ratios(drawn[:, 0], drawn[:, 2]), ratios(drawn[:, 1], drawn[:, 2])
    several = len(counts) > 1
    return Relation(
        name=name,
        count=int(total),
        layer=layers[layer] if layers else int(layer),
        head=heads[head] if heads else int(head),
        direction=DIRECTIONS[direction],
        accuracy=float(flat[:, best].sum() / total),
        interval=ends(accurate) if several else None,
        held_out=held_out(flat, counts),
        offset=OFFSETS[offset],
        baseline=float(of_offsets[:, offset].sum() / total),
        gain=ends(accurate - near) if several else None,
        by_layer=tuple((of_heads.sum(0).max((1, 2)) / total).tolist()),
    )
