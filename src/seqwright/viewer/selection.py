"""The layers and heads that a page shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seqwright.core.errors import SeqwrightError
from seqwright.viewer.record import Kind


class LayersAndHeads(NamedTuple):
    """Numbers of layers and of heads, counted from 0."""

    layers: tuple[int, ...]
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Selection:
    """The layers and heads to show, counted from 0; all of them where ``None``."""

    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    @classmethod
    def of(cls, layers: Iterable[int] | None, heads: Iterable[int] | None) -> Selection:
        """Make a selection from any iterables of numbers, each number once and in order."""
        return cls(*(None if given is None else tuple(sorted(set(given))) for given in (layers, heads)))

    def among(self, stacks: Mapping[Kind, Mapping[int, int]]) -> dict[Kind, LayersAndHeads]:
        """Return the selected layers and heads of each stack, leaving out stacks that have none of them.

        Where layers differ in their number of heads, only heads that all selected layers have are returned.

        Args:
            stacks: for each stack its layers, and the number of heads of each.

        Raises:
            SeqwrightError: No stack has such a layer or head, or none is selected.

        >>> Selection(layers=(1, 2)).among({"encoder": {0: 2, 1: 2}, "decoder": {1: 4, 2: 3}})["decoder"]
        LayersAndHeads(layers=(1, 2), heads=(0, 1, 2))
        """
        layers = _selected("layer", self.layers, sorted({layer for stack in stacks.values() for layer in stack}))
        heads = _selected("head", self.heads, range(max(max(stack.values(), default=0) for stack in stacks.values())))
        found: dict[Kind, LayersAndHeads] = {}
        for kind, stack in stacks.items():
            own_layers = tuple(layer for layer in layers if layer in stack)
            fewest = min((stack[layer] for layer in own_layers), default=0)
            found[kind] = LayersAndHeads(own_layers, tuple(head for head in heads if head < fewest))
        return {kind: each for kind, each in found.items() if each.layers and each.heads}


def _selected(noun: str, selected: Sequence[int] | None, existing: Sequence[int]) -> Sequence[int]:
    if selected is None:
        return existing
    fix = f"choose from {noun}s {existing[0]} to {existing[-1]}"
    if not selected:
        raise SeqwrightError(f"no {noun} is chosen", fix=fix)
    for number in selected:
        if number not in existing:
            raise SeqwrightError(f"there is no {noun} {number}", fix=fix)
    return selected
