"""The study of the ladder: the paper's five rungs with controls, on the paper's sequences or on a file."""

from __future__ import annotations

from collections.abc import Sequence

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec, vary
from seqwright.data.corpus import Corpus
from seqwright.report.page import Page
from seqwright.studies.cell import Cell
from seqwright.studies.ladder import report
from seqwright.studies.ladder.claims import claims
from seqwright.studies.ladder.on_file import MOST_HELD_OUT, file_cells, needs
from seqwright.studies.ladder.rows import is_own
from seqwright.studies.ladder.rungs import paper_cells
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.results import Claim, StudyResult
from seqwright.studies.study import Study
from seqwright.studies.table import ResultTable
from seqwright.studies.task_source import FileTask, TaskSource


class LadderStudy(Spec, Study):
    """The ladder of arXiv 2502.19597: plain, token, masked, positions, padding; with controls."""

    name = "ladder"
    question = "Which parts of a transformer do what? The paper's five rungs, on its sequences or on --pairs."

    seeds: int = 8

    def on_file(self, corpus: Corpus, *, quick: bool) -> tuple[ModelScale, int]:
        """Return the scale of every study on a file, but with one layer a side as the paper has; and half the seeds."""
        scale, _ = super().on_file(corpus, quick=quick)
        return vary(scale, {"layers": 1, "test": MOST_HELD_OUT}), 4

    def cells(self, sources: Sequence[TaskSource]) -> list[Cell]:
        if not sources:
            return paper_cells()
        (source,) = sources if len(sources) == 1 else (None,)
        if not isinstance(source, FileTask):
            raise SeqwrightError(
                "the ladder is trained on the paper's sequences or on a file", fix="leave --task out, or give --pairs"
            )
        return file_cells(source)

    def claims(self, table: ResultTable) -> list[Claim]:
        return needs(table) if is_own(table.rows) else claims(table)

    def page(self, result: StudyResult, command: str) -> Page:
        return report.page(result, command)
