"""The result of a study: its table, and the findings that were read off it."""

from __future__ import annotations

from seqwright.core.spec import Spec
from seqwright.studies.effect import Effect
from seqwright.studies.table import ResultTable, unique

NO_PAPER = "–"
"""The number of a paper that gives none."""


class Claim(Spec, tag=False):
    """A sentence checked against the measurements; ``paper`` is the number that a paper gives for it."""

    claim: str
    measured: str
    verdict: str
    evidence: str
    paper: str = NO_PAPER


class StudyResult(Spec, tag=False):
    """All results of a study: what ``--json`` prints and ``results.json`` holds."""

    study: str
    seeds: int
    table: ResultTable
    effects: list[Effect]
    claims: list[Claim]
    notes: list[str]

    def every_note(self) -> list[str]:
        """Return the notes of the study and of its cells, each once."""
        return unique([*self.notes, *(note for cell in self.table.cells for note in cell.notes)])
