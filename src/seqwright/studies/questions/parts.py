"""The study of parts: each is taken from the whole model, and each is added to a model that has none.

A *whole* model has all parts. The *skeleton* has none but what no model can do without: vectors wider than one number,
and a cross-attention from the decoder to the source. These two are tried by taking them from the skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.core.spec import Spec, diff, vary
from seqwright.nn.mask import NoMask
from seqwright.nn.norm import NoNorm
from seqwright.nn.padding import OrdinaryPadding
from seqwright.nn.position import NoPosition
from seqwright.nn.residual import NoResidual, PostNormResidual
from seqwright.nn.scale import LinearScale, NoScale
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.model_scale import (
    CROSS_ATTENTION,
    DECODER_MASK,
    FEEDFORWARD,
    RESIDUAL,
    ModelScale,
    both_sides,
    every_attention,
)
from seqwright.studies.study import Study, cell
from seqwright.studies.table import ALONE, WHOLE, ResultTable
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Histogram, Reverse, Task

SKELETON = "skeleton"


@dataclass(frozen=True)
class Part:
    """A part that can be taken out of a model: its name and the edits that do so.

    Attributes:
        bone: whether no model can do without it, so that the skeleton has it too.
        swap: whether it is exchanged for another of its kind rather than left out; then there is nothing to add.
    """

    name: str
    without: dict[str, Any]
    bone: bool = False
    swap: bool = False


PARTS = (
    Part("embedding-width", {**every_attention("heads", 1), "width": 1}, bone=True),
    Part("cross-attention", {CROSS_ATTENTION: None}, bone=True),
    Part("causal-mask", {DECODER_MASK: NoMask()}),
    Part("positions", both_sides("position", NoPosition())),
    Part("encoder-positions", {"encoder.position": NoPosition()}),
    Part("decoder-positions", {"decoder.position": NoPosition()}),
    Part("padding-masks", {"padding": OrdinaryPadding()}),
    Part("residual", both_sides(RESIDUAL, NoResidual())),
    Part("norm", {**both_sides(f"{RESIDUAL}.norm", NoNorm()), **both_sides("final_norm", NoNorm())}),
    Part("pre-norm", both_sides(RESIDUAL, PostNormResidual()), swap=True),
    Part("feed-forward", both_sides(FEEDFORWARD, None)),
    Part("heads", every_attention("heads", 1)),
    Part("depth", both_sides("layers", 1)),
    Part("embedding-scale", {"embedding.scale": NoScale()}),
    Part("score-scale", every_attention("scale", NoScale())),
    Part("root-score-scale", every_attention("scale", LinearScale()), swap=True),
)
"""Every part, with what is left when it goes. Without ``pre-norm`` there is post-norm; without ``root-score-scale`` scores
are divided by the width of a head rather than by its root."""

WITHOUT = {part.name: part.without for part in PARTS}
"""The edits that take each part out, by its name."""

ADDED = tuple(part for part in PARTS if not part.bone and not part.swap)
"""The parts that are added to the skeleton, one at a time; bones are taken from it."""


def skeleton(but: Part | None = None) -> dict[str, Any]:
    """Return the edits that leave the skeleton of a whole model, and one part of it where one is given."""
    kept = but.without if but else {}
    return {path: value for part in ADDED for path, value in part.without.items() if path not in kept}


class PartStudy(Spec, Study):
    """A study of every part: taken from the whole model, and added to a skeleton that has none."""

    name = "parts"
    question = "Which parts does a task need?"
    tasks: tuple[Task, ...] = (Copy(), Reverse(), Histogram())
    scale: ModelScale = ModelScale()
    seeds: int = 10

    @classmethod
    def quick(cls) -> PartStudy:
        return cls(tasks=(Copy(symbols=4),), scale=ModelScale(steps=250, train=2000, test=60, lengths=(2, 6)), seeds=3)

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        return [made for source in sources for made in self._cells(source)]

    def _cells(self, source: TaskSource) -> list[Cell]:
        rows = source.rows()
        whole = cell(source, WHOLE, rows=rows)
        there = [part for part in PARTS if removable(part, source.scale.spec(rows.vocabulary))]
        return [
            whole,
            *(cell(source, f"no-{part.name}", part.without, rows=rows) for part in there),
            cell(source, SKELETON, skeleton(), rows=rows, base=SKELETON),
            *(
                cell(source, f"{SKELETON}-no-{part.name}", {**skeleton(), **part.without}, rows=rows, base=SKELETON)
                for part in there
                if part.bone
            ),
            *(
                cell(source, f"{SKELETON}+{part.name}", skeleton(but=part), rows=rows, base=SKELETON)
                for part in there
                if part in ADDED
            ),
        ]

    def notes(self, sources: Sequence[TaskSource]) -> list[str]:
        return [
            f"{source.name}: the whole model has no {part.name} that could be taken out"
            for source in sources
            for part in PARTS
            if not removable(part, source.scale.spec(source.rows().vocabulary))
        ]

    def effects(self, table: ResultTable) -> list[Effect]:
        effects = []
        for task in table.tasks:
            for part in PARTS:
                pairs = [
                    (WHOLE, f"no-{part.name}"),
                    (SKELETON, f"{SKELETON}-no-{part.name}"),
                    (f"{SKELETON}+{part.name}", SKELETON),
                ]
                found = [tuple(table.find(task, variant) for variant in pair) for pair in pairs]
                effects += [Effect.of(part.name, having, lacking) for having, lacking in found if having and lacking]
            unmasked = table.find(task, "no-padding-masks")
            if unmasked:
                effects.append(Effect.of("padding-masks", table.cell(task, WHOLE), unmasked, ALONE))
        return effects


def removable(part: Part, whole: Any) -> bool:
    """Return whether the model has a part: taking out what is not there changes nothing."""
    return bool(diff(whole, vary(whole, part.without)))
