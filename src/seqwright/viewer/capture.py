"""Keeping what is asked for, and no more, of the attention that a model forms on its way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError, TooLongError
from seqwright.viewer.record import Array, AttentionRecord, Candidate, Kind, Projections, Span, Step

Key = TypeVar("Key")
PARTS = ("weights", "scores", "queries", "keys", "values")


@dataclass(frozen=True)
class Selection:
    """Which layers and heads are wanted, counted from 0; all of them where ``None``."""

    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    @classmethod
    def of(cls, layers: Iterable[int] | None, heads: Iterable[int] | None) -> Selection:
        """From whatever lists them; each once, in order."""
        return cls(*(None if given is None else tuple(sorted(set(given))) for given in (layers, heads)))

    def among(self, stacks: Mapping[Key, tuple[int, int]]) -> dict[Key, tuple[tuple[int, ...], tuple[int, ...]]]:
        """The numbers of those wanted, of stacks that have so many layers and heads; a stack that has none of them is left out.

        Raises:
            SeqwrightError: no stack has such a layer or head, or none is wanted.

        >>> Selection(layers=(1, 2)).among({"encoder": (2, 2), "decoder": (3, 2)})
        {'encoder': ((1,), (0, 1)), 'decoder': ((1, 2), (0, 1))}
        """
        layers = _among("layer", self.layers, [count for count, _ in stacks.values()])
        heads = _among("head", self.heads, [count for _, count in stacks.values()])
        found = {
            name: (tuple(layer for layer in layers if layer < many), tuple(head for head in heads if head < wide))
            for name, (many, wide) in stacks.items()
        }
        return {name: (some, those) for name, (some, those) in found.items() if some and those}


def _among(what: str, wanted: tuple[int, ...] | None, counts: Sequence[int]) -> tuple[int, ...]:
    count = max(counts)
    if wanted is None:
        return tuple(range(count))
    if not wanted:
        raise SeqwrightError(f"no {what} is chosen", fix=f"choose from {what}s 0 to {count - 1}")
    for number in wanted:
        if not 0 <= number < count:
            raise SeqwrightError(f"there is no {what} {number}", fix=f"choose from {what}s 0 to {count - 1}")
    return wanted


@dataclass(frozen=True, eq=False)
class LayerAttention:
    """One layer's attention: ``weights`` and ``scores`` ``[h q k]``, ``queries`` ``[h q c]``, ``keys`` and ``values`` ``[h k c]``.

    All but the weights may be missing.
    """

    weights: Array
    scores: Array | None = None
    queries: Array | None = None
    keys: Array | None = None
    values: Array | None = None
    scale: float = 1.0


def assembled(layers: Sequence[LayerAttention]) -> tuple[Array, Projections | None]:
    """Layers as one array of weights, and their projections where every layer has them.

    Raises:
        SeqwrightError: they look over different numbers of tokens.

    >>> assembled([LayerAttention(np.ones((1, 2, 2))), LayerAttention(np.ones((1, 2, 2)))])[0].shape
    (2, 1, 2, 2)
    """
    if len({layer.weights.shape for layer in layers}) > 1:
        raise SeqwrightError(
            f"layers look over different tokens ({', '.join(str(list(layer.weights.shape)) for layer in layers)}: [heads, looking, looked at])",
            fix="attention that is pooled or local, as Funnel's and Longformer's, cannot be shown",
        )
    weights = np.stack([layer.weights for layer in layers])
    parts = {part: [getattr(layer, part) for layer in layers] for part in PARTS[1:]}
    if any(part is None for given in parts.values() for part in given):
        return weights, None
    stacked = {part: np.stack(given) for part, given in parts.items()}
    stacked["scores"] = np.where(weights > 0, stacked["scores"], -np.inf)
    return weights, Projections(**stacked, scale=tuple(layer.scale for layer in layers))


def kept(x: Tensor, heads: Sequence[int]) -> Array:
    """The chosen heads of the first row of ``[b h …]``."""
    return x[0].detach()[list(heads)].float().cpu().numpy()


class Capture:
    """A probe that keeps the attention of chosen layers and heads of a batch's first row.

    Args:
        model: whose scales are looked up.
        wanted: for each attention's name (such as ``decoder.blocks.cross``) its layers and heads.
        parts: which of the tensors that an attention offers; weights alone, or all of :data:`PARTS`.
    """

    NAME = re.compile(r"(encoder|decoder)\.blocks\.(\d+)\.(self_attention|cross_attention)\.(\w+)")

    def __init__(
        self,
        model: nn.Module,
        wanted: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
        parts: Sequence[str] = PARTS,
    ) -> None:
        self.model, self.wanted, self.parts = model, wanted, tuple(parts)
        self.seen: dict[tuple[str, int], dict[str, Array]] = {}

    def wants(self, name: str) -> bool:
        return self._place(name) is not None

    def __call__(self, name: str, x: Tensor) -> Tensor:
        place = self._place(name)
        if place is not None:
            attention, layer, part = place
            self.seen.setdefault((attention, layer), {})[part] = kept(x, self.wanted[attention][1])
        return x

    def _place(self, name: str) -> tuple[str, int, str] | None:
        found = self.NAME.fullmatch(name)
        if found is None or found[4] not in self.parts:
            return None
        attention, layer = f"{found[1]}.{found[3]}", int(found[2])
        return (attention, layer, found[4]) if layer in self.wanted.get(attention, ((), ()))[0] else None

    def layers(self, attention: str) -> list[LayerAttention]:
        """What was seen of an attention, layer by layer."""
        stack, kind = attention.split(".")
        found = []
        for layer in self.wanted[attention][0]:
            module: Any = self.model.get_submodule(f"{stack}.blocks.{layer}.{kind}")
            found.append(LayerAttention(**self.seen[attention, layer], scale=1 / float(module.scale)))
        return found


CANDIDATES = 5
"""So many of what might have been chosen are told."""


def steps_of(
    logits: Float[Tensor, "t v"], labels: Sequence[int], first: int, names: Callable[[list[int]], Sequence[str]]
) -> tuple[Step, ...]:
    """The choices of ``labels``, one a row of logits, made at the queries from ``first`` on; ``names`` says what ids are called."""
    probabilities = logits.float().softmax(-1)
    top = probabilities.topk(min(CANDIDATES, probabilities.shape[-1]))
    found = []
    for place, (label, likeliest, values) in enumerate(
        zip(labels, top.indices.tolist(), top.values.tolist(), strict=True)
    ):
        *candidates, chosen = names([*likeliest, label])
        told = tuple(map(Candidate, candidates, values))
        found.append(Step(first + place, chosen, float(probabilities[place, label]), told))
    return tuple(found)


def going_on(places: int | None, used: int, wanted: int) -> tuple[int, str]:
    """How many tokens can be generated and still be read in one pass, and what is to be said where these are fewer than wanted.

    Raises:
        TooLongError: there is room for none.

    >>> going_on(8, 5, 9)
    (3, 'It goes on for 3 tokens: more would not fit into its 8 positions.')
    """
    if places is None or used + wanted <= places:
        return wanted, ""
    if used >= places:
        raise TooLongError(f"{used} tokens leave no room to go on in {places} positions", fix="give a shorter text")
    return places - used, f"It goes on for {places - used} tokens: more would not fit into its {places} positions."


@dataclass(frozen=True)
class Side:
    """One side of an attention: what its tokens are called, which of them are one word, which stand for no text."""

    tokens: tuple[str, ...]
    words: tuple[Span, ...] | None
    special: frozenset[int]


def recorded(
    kind: Kind,
    sides: Mapping[str, Side],
    wanted: tuple[Sequence[int], Sequence[int]],
    weights: Array,
    steps: Sequence[Step] = (),
    projections: Projections | None = None,
) -> AttentionRecord:
    """The record of one kind of attention between the ``encoder``'s and the ``decoder``'s side, for ``wanted`` layers and heads."""
    looking = sides["encoder" if kind == "encoder" else "decoder"]
    across = sides["encoder"] if kind == "cross" else None
    layers, heads = wanted
    return AttentionRecord(
        tokens=looking.tokens,
        kind=kind,
        weights=weights,
        source_tokens=across and across.tokens,
        layers=layers,
        heads=heads,
        words=looking.words,
        source_words=across and across.words,
        special=looking.special,
        source_special=across.special if across else (),
        steps=() if kind == "encoder" else steps,
        projections=projections,
    )
