"""A study small enough to run many times in a test."""

from __future__ import annotations

from dataclasses import replace

from seqwright.core.spec import vary
from seqwright.studies.experiment import Experiment
from seqwright.studies.ladder.rungs import paper_ladder


def small_study(seeds: int = 2, *, cells: int = 3, steps: int = 3) -> Experiment:
    """Some cells of the ladder, hardly trained."""
    study = paper_ladder(seeds)
    kept = study.cells[5 : 5 + cells]
    return replace(study, cells=tuple(replace(cell, training=vary(cell.training, {"steps": steps})) for cell in kept))
