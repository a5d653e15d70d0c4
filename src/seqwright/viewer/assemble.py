"""Records made of captured layers, tokens and predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.viewer.capture import PARTS, LayerAttention
from seqwright.viewer.record import Array, AttentionRecord, Candidate, Kind, Projections, Span, Step
from seqwright.viewer.selection import LayersAndHeads

MAX_CANDIDATES = 5
"""Candidates of a step that are recorded."""


@dataclass(frozen=True)
class TokenSequence:
    """The tokens of one side, the spans of tokens that make one word, and the indices of special tokens."""

    tokens: tuple[str, ...]
    words: tuple[Span, ...] | None
    special: frozenset[int]


@dataclass(frozen=True)
class TokenPair:
    """The tokens of a source, where there is one, and of a target; a model with one stack has them on its own side."""

    source: TokenSequence | None
    target: TokenSequence

    def axes(self, kind: Kind) -> tuple[TokenSequence, TokenSequence]:
        """Return the queries' tokens and the keys' tokens of one kind of attention."""
        source = self.source or self.target
        return source if kind == "encoder" else self.target, self.target if kind == "decoder" else source

    def shape(self, kind: Kind, chosen: LayersAndHeads) -> tuple[int, int, int, int]:
        """Return the shape of the weights ``[layers heads queries keys]``."""
        queries, keys = self.axes(kind)
        return len(chosen.layers), len(chosen.heads), len(queries.tokens), len(keys.tokens)


def record_of(
    kind: Kind, tokens: TokenPair, chosen: LayersAndHeads, layers: Sequence[LayerAttention], steps: Sequence[Step] = ()
) -> AttentionRecord:
    """Make the record of one kind of attention from its layers.

    Raises:
        SeqwrightError: The layers attend over different numbers of tokens.
    """
    queries, keys = tokens.axes(kind)
    weights, projections = _stacked(layers)
    crosses = kind == "cross"
    return AttentionRecord(
        tokens=queries.tokens,
        kind=kind,
        weights=weights,
        source_tokens=keys.tokens if crosses else None,
        layers=chosen.layers,
        heads=chosen.heads,
        words=queries.words,
        source_words=keys.words if crosses else None,
        special=queries.special,
        source_special=keys.special if crosses else (),
        steps=() if kind == "encoder" else steps,
        projections=projections,
    )


def _stacked(layers: Sequence[LayerAttention]) -> tuple[Array, Projections | None]:
    """Stack the weights of all layers, and their projections where every layer has them."""
    shapes = [layer.weights.shape for layer in layers]
    if len(set(shapes)) > 1:
        raise SeqwrightError(
            f"layers have different shapes ({', '.join(map(str, map(list, shapes)))}: [heads, queries, keys])",
            fix="attention that is pooled or local, as Funnel's and Longformer's, cannot be shown",
        )
    weights = np.stack([layer.weights for layer in layers])
    if any(getattr(layer, part) is None for layer in layers for part in PARTS):
        return weights, None
    stacked = {part: np.stack([getattr(layer, part) for layer in layers]) for part in PARTS[1:]}
    stacked["scores"] = np.where(weights > 0, stacked["scores"], -np.inf)
    return weights, Projections(**stacked, scale=tuple(layer.scale for layer in layers))


def steps_of(
    logits: Float[Tensor, "t v"], labels: Sequence[int], first: int, spell: Callable[[list[int]], Sequence[str]]
) -> tuple[Step, ...]:
    """Return one step for each label, with its probability and the likeliest candidates.

    Args:
        logits: one row for each label.
        labels: the ids that were chosen.
        first: the query that chose the first label.
        spell: a function from ids to tokens.
    """
    probabilities = logits.float().softmax(-1)
    top = probabilities.topk(min(MAX_CANDIDATES, probabilities.shape[-1]))
    steps = []
    for row, (label, ids, values) in enumerate(zip(labels, top.indices.tolist(), top.values.tolist(), strict=True)):
        *tokens, chosen = spell([*ids, label])
        steps.append(Step(first + row, chosen, float(probabilities[row, label]), tuple(map(Candidate, tokens, values))))
    return tuple(steps)
