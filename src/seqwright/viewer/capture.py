"""The attention that a forward pass forms, captured through a probe."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from torch import Tensor

from seqwright.viewer.record import Array, Kind

PARTS = ("weights", "scores", "queries", "keys", "values")
_ATTENTION = re.compile(r"(encoder|decoder)\.blocks\.(\d+)\.(.+)\.weights")


def attention_paths(names: Iterable[str]) -> dict[Kind, dict[int, str]]:
    """Return the paths of all attentions, by kind and layer.

    Args:
        names: the tensors that a model offers to a probe. ``{side}.blocks.{layer}.{part}.weights`` is an attention: a
            part with "cross" in its name attends to the source, any other one to its own side.

    >>> attention_paths(["encoder.blocks.0.mixer.weights", "decoder.blocks.0.cross.weights", "logits"])
    {'encoder': {0: 'encoder.blocks.0.mixer'}, 'cross': {0: 'decoder.blocks.0.cross'}}
    """
    found: dict[Kind, dict[int, str]] = {}
    for name in names:
        if match := _ATTENTION.fullmatch(name):
            side, layer, part = match.groups()
            kind = cast(Kind, "cross" if "cross" in part else side)
            found.setdefault(kind, {}).setdefault(int(layer), name.removesuffix(".weights"))
    return found


@dataclass(frozen=True, eq=False)
class LayerAttention:
    """The attention of one layer; all but the weights may be missing.

    Attributes:
        weights, scores: ``[h q k]``.
        queries: ``[h q c]``.
        keys, values: ``[h k c]``.
        scale: the factor of the products of queries and keys.
    """

    weights: Array
    scores: Array | None = None
    queries: Array | None = None
    keys: Array | None = None
    values: Array | None = None
    scale: float = 1.0


def to_array(x: Tensor, heads: Sequence[int]) -> Array:
    """Copy some heads of the first row of ``[b h …]``; ``[b q k]`` is a single head."""
    row = x[0].detach() if x.ndim == 4 else x[:1].detach()
    return row[list(heads)].float().cpu().numpy()


class Capture:
    """A probe that keeps the attention of chosen heads, of a batch's first row.

    A tensor may be offered several times in one pass, as by a recurrence that attends step by step: its queries are then
    joined in order.

    Args:
        heads: the heads to keep, for the path of each attention.
        parts: the tensors to keep, some of :data:`PARTS`.
    """

    def __init__(self, heads: Mapping[str, Sequence[int]], parts: Sequence[str] = PARTS) -> None:
        self.heads, self.parts = heads, parts
        self.pieces: dict[str, list[Array]] = defaultdict(list)

    def wants(self, name: str) -> bool:
        path, _, part = name.rpartition(".")
        return path in self.heads and part in self.parts

    def __call__(self, name: str, x: Tensor) -> Tensor:
        if self.wants(name):
            self.pieces[name].append(to_array(x, self.heads[name.rpartition(".")[0]]))
        return x

    def add_last_query(self, step: Capture) -> None:
        """Append the last query of another capture to this one."""
        for name, pieces in step.pieces.items():
            self.pieces[name].append(pieces[-1][:, -1:])

    def layer(self, path: str, scale: float = 1.0) -> LayerAttention:
        """Return the attention that was captured at a path."""
        names = {part: f"{path}.{part}" for part in self.parts}
        found = {part: _joined(part, self.pieces[name]) for part, name in names.items() if name in self.pieces}
        return LayerAttention(**found, scale=scale)


def _joined(part: str, pieces: Sequence[Array]) -> Array:
    """Join pieces along the queries, padded to the most keys; keys and values are complete in the last piece."""
    if len(pieces) == 1 or part in ("keys", "values"):
        return pieces[-1]
    width = max(piece.shape[-1] for piece in pieces)
    return np.concatenate([np.pad(piece, ((0, 0), (0, 0), (0, width - piece.shape[-1]))) for piece in pieces], axis=1)
