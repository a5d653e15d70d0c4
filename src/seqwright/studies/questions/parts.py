"""Which parts does a task need? Each is taken from the whole model, and each is added to a model that has none.

A *whole* model has all parts. The *skeleton* has none but what no model can do without: vectors wider than one number,
and a cross attention through which the decoder hears the source. These two are tried by taking them from the skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqwright.core.spec import diff, vary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.mask import NoMask
from seqwright.nn.norm import NoNorm
from seqwright.nn.padding import OrdinaryPadding
from seqwright.nn.position import NoPosition
from seqwright.nn.residual import NoResidual, PostNormResidual
from seqwright.nn.scale import LinearScale, NoScale
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect, asked_alone
from seqwright.studies.experiment import Row
from seqwright.studies.scale import ModelScale
from seqwright.studies.study import WHOLE, Study, cell, found, tasks_of
from seqwright.studies.task_source import TaskSource
from seqwright.tasks.algorithmic import Copy, Histogram, Reverse, Task

SKELETON = "skeleton"


@dataclass(frozen=True)
class Part:
    """A part: its name, and the edits that take it out of a model.

    Attributes:
        bone: whether no model can do without it, so that the skeleton has it too.
        swap: whether it is exchanged for another of its kind rather than left out; then there is nothing to add.
    """

    name: str
    without: dict[str, Any]
    bone: bool = False
    swap: bool = False


def _both(part: str, value: object) -> dict[str, Any]:
    return {f"{side}.{part}": value for side in ("encoder", "decoder")}


def _attentions(field: str, value: object) -> dict[str, Any]:
    places = ("encoder.blocks.mixer", "decoder.blocks.mixer", "decoder.blocks.cross")
    return {f"{place}.{field}": value for place in places}


PARTS = (
    Part("embedding-width", {**_attentions("heads", 1), "width": 1}, bone=True),
    Part("cross-attention", {"decoder.blocks.cross": None}, bone=True),
    Part("causal-mask", {"decoder.blocks.mixer.mask": NoMask()}),
    Part("positions", _both("position", NoPosition())),
    Part("encoder-positions", {"encoder.position": NoPosition()}),
    Part("decoder-positions", {"decoder.position": NoPosition()}),
    Part("padding-masks", {"padding": OrdinaryPadding()}),
    Part("residual", _both("blocks.residual", NoResidual())),
    Part("norm", {**_both("blocks.residual.norm", NoNorm()), **_both("final_norm", NoNorm())}),
    Part("pre-norm", _both("blocks.residual", PostNormResidual()), swap=True),
    Part("feed-forward", _both("blocks.feedforward", None)),
    Part("heads", _attentions("heads", 1)),
    Part("depth", _both("layers", 1)),
    Part("embedding-scale", {"embedding.scale": NoScale()}),
    Part("score-scale", _attentions("scale", NoScale())),
    Part("root-score-scale", _attentions("scale", LinearScale()), swap=True),
)
"""Every part, with what is left when it goes. Without ``pre-norm`` there is post-norm; without ``root-score-scale`` scores
are divided by the width of a head rather than by its root."""

WITHOUT = {part.name: part.without for part in PARTS}
"""What takes each part out, by its name."""

ADDED = tuple(part for part in PARTS if not part.bone and not part.swap)
"""What is added to the skeleton, one at a time; bones are taken from it."""


def skeleton(but: Part | None = None) -> dict[str, Any]:
    """The edits that leave the skeleton of a whole model, and one part of it where one is named."""
    kept = but.without if but else {}
    return {path: value for part in ADDED for path, value in part.without.items() if path not in kept}


class PartStudy(Study):
    """Which parts does a task need?"""

    name = "parts"

    @property
    def setting(self) -> ModelScale:
        return ModelScale(steps=250, train=2000, test=60, lengths=(2, 6)) if self.quick else ModelScale()

    @property
    def tasks(self) -> tuple[Task, ...]:
        if self.quick:
            return (Copy(symbols=4),)
        return (Copy(), Reverse(), Histogram())

    def cells(self, subjects: Sequence[TaskSource]) -> list[Cell]:
        return [made for subject in subjects for made in self._cells(subject)]

    def _cells(self, subject: TaskSource) -> list[Cell]:
        rows = subject.rows()
        whole = cell(subject, WHOLE, rows=rows)
        there = [part for part in PARTS if removable(part, whole.spec)]
        return [
            whole,
            *(cell(subject, f"no-{part.name}", part.without, rows=rows) for part in there),
            cell(subject, SKELETON, skeleton(), rows=rows, base=SKELETON),
            *(
                cell(subject, f"{SKELETON}-no-{part.name}", {**skeleton(), **part.without}, rows=rows, base=SKELETON)
                for part in there
                if part.bone
            ),
            *(
                cell(subject, f"{SKELETON}+{part.name}", skeleton(but=part), rows=rows, base=SKELETON)
                for part in there
                if part in ADDED
            ),
        ]

    def notes(self, subjects: Sequence[TaskSource]) -> list[str]:
        return [
            f"{subject.name}: the whole model has no {part.name} that could be taken out"
            for subject in subjects
            for part in PARTS
            if not removable(part, subject.setting.spec(subject.rows().vocabulary))
        ]

    def effects(self, rows: Sequence[Row]) -> list[Effect]:
        row, effects = found(rows), []
        for task in tasks_of(rows):
            for part in PARTS:
                pairs = [
                    (WHOLE, f"no-{part.name}"),
                    (SKELETON, f"{SKELETON}-no-{part.name}"),
                    (f"{SKELETON}+{part.name}", SKELETON),
                ]
                for having, lacking in pairs:
                    if (task, having) in row and (task, lacking) in row:
                        effects.append(Effect.of(part.name, row[task, having], row[task, lacking]))
            if (task, "no-padding-masks") in row:
                effects.append(Effect.of("padding-masks", row[task, WHOLE], row[task, "no-padding-masks"], asked_alone))
        return effects


def removable(part: Part, whole: TransformerSpec) -> bool:
    """Whether the model has it: taking out what is not there changes nothing."""
    return bool(diff(whole, vary(whole, part.without)))
