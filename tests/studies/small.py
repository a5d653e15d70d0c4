"""A study small enough to run many times in a test."""

from __future__ import annotations

from dataclasses import replace

from seqwright.core.spec import vary
from seqwright.studies.experiment import Experiment
from seqwright.studies.ladder.rungs import paper_cells


def small_study(seeds: int = 2, *, cells: int = 3, steps: int = 3) -> Experiment:
    """Some cells of the ladder, hardly trained."""
    kept = paper_cells()[5 : 5 + cells]
    short = tuple(replace(cell, training=vary(cell.training, {"steps": steps})) for cell in kept)
    return Experiment("ladder", short, seeds)
