"""The ladder's report in sentences, tables and charts.

Every sentence that states a finding is made from the numbers, so the page says the same as its tables, whatever the
seeds and the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.report import charts, examples
from seqwright.report.formatting import listing, rate
from seqwright.report.page import Cards, Figure, Heading, Look, Page, Part, Prose, Section, Table, Terms, Text
from seqwright.studies import report as every_report
from seqwright.studies import report_parts
from seqwright.studies.ladder.controls import controls
from seqwright.studies.ladder.rows import distinct_controls, is_own, label, learnt_of
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.ladder.summary import lead
from seqwright.studies.results import StudyResult
from seqwright.studies.table import CellView, unique

ADDS = {
    "plain": "encoder and decoder of width 1 on the scalars themselves; squared error; no START, no END",
    "token": "an embedding, an un-embedding, START and END; cross-entropy",
    "masked": "the causal mask: a target position attends to itself and to what is before it",
    "positions": "sinusoidal positions, added to the embeddings, with dropout on the sum",
    "padding": "sequences of unequal length in one batch; PAD is masked in all three attentions and not in the loss",
}
BADGES: dict[str, Look] = {
    "reproduced": "good",
    "refuted": "bad",
    "reproduced, other cause": "mixed",
    "needed": "good",
    "harmful": "bad",
}


def page(result: StudyResult, command: str) -> Page:
    """Return the report as a value; ``command`` is the command line that makes the study again."""
    rows = result.table.rows
    own = is_own(rows)
    sections = [
        Section("Who answers what", tuple(matrix_part(rows))),
        Section("Which parts this data needs" if own else "What the paper says", tuple(claims_part(result))),
        Section("Controls", tuple(controls(rows))),
        Section("Loss curves", tuple(every_report.curves(result.table))),
        Section("Example answers", tuple(every_report.answers(result.table))),
        Section("What each rung changes", tuple(specs(rows))),
        Section("All numbers", tuple(report_parts.everything(rows, "rung"))),
        Section(
            "How it was measured",
            tuple(report_parts.method("held-out rows" if own else "distinct sequences of the training set")),
        ),
    ]
    facts = report_parts.facts(result, command)
    return Page(_title(rows), tuple(lead(result)), facts, tuple(section for section in sections if section.parts))


def _title(rows: Sequence[CellView]) -> str:
    if is_own(rows):
        return f"The ladder on {listing(unique(row.task for row in rows))}"
    return "The ladder: which parts of a transformer do what"


def matrix_part(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield the heat map of rungs by tasks, and what each rung adds."""
    own = is_own(rows)
    papers = [row for row in rows if row.variant == "paper"]
    tasks = unique(row.task for row in papers)
    squares = [charts.Square(row.base, row.task, row.exact_match.median, *_texts(row, own)) for row in papers]
    seen = {(row.base, row.task) for row in papers}
    blank = {rung: "n/a" if rung == "plain" and own else "–" for rung in RUNGS}
    squares += [
        charts.Square(rung, task, None, blank[rung]) for rung in RUNGS for task in tasks if (rung, task) not in seen
    ]
    tested = "held-out rows" if own else "the sequences it was trained on"
    says = "Heat map of rungs by tasks: " + "; ".join(f"{label(row)} {learnt_of(row)} seeds" for row in papers)
    yield Prose(f"Each model generates its answers to {tested}, symbol by symbol; a chosen symbol stays chosen.")
    large = (
        "median exact match; small: its interval"
        if own
        else "seeds that answer everything, of all seeds; small: median exact match"
    )
    yield Figure(
        (charts.matrix("who-answers-what", says, squares, RUNGS, tasks),),
        f"Large: {large}. Colour: median exact match, from 0 (dark) to 1 (bright). "
        f"{'n/a: not applicable' if own else 'A dash: not part of the study'}.",
    )
    added = ADDS | {"plain": "not applicable: symbols are not scalars"} if own else ADDS
    yield Terms(tuple((rung, added[rung]) for rung in RUNGS))


def _texts(row: CellView, own: bool) -> tuple[str, str]:
    """Return a square's two lines: on one's own data hardly a seed answers every held-out row, so there it is the rate."""
    if own:
        return rate(row.exact_match.median), f"{rate(row.exact_match.low)} to {rate(row.exact_match.high)}"
    return learnt_of(row, "/"), f"median {rate(row.exact_match.median)}"


def claims_part(result: StudyResult) -> Iterator[Part]:
    """Yield the table of claims."""
    if not result.claims:
        return
    if is_own(result.table.rows):
        yield Prose("The last rung beside the same rung without the part, tested on held-out rows.")
    else:
        yield Prose(
            "Losses are training losses, dropout on, as the paper reports them. Ours: the median over seeds and, in "
            "brackets, its interval."
        )
    columns = {
        "claim" if is_own(result.table.rows) else "what the paper says": [claim.claim for claim in result.claims],
        "its number": [claim.paper for claim in result.claims],
        "ours": [claim.measured for claim in result.claims],
        "verdict": [Text(claim.verdict, BADGES.get(claim.verdict, "neutral")) for claim in result.claims],
        "evidence": [claim.evidence for claim in result.claims],
    }
    if is_own(result.table.rows):
        del columns["its number"]
    yield Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def specs(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield what each rung adds to the one below, and what each control changes."""
    papers = {row.base: row for row in rows if row.variant == "paper"}
    present = [papers[rung] for rung in RUNGS if rung in papers]
    if len(present) > 1:
        yield Heading("Each rung, against the rung below")
        yield Cards(
            tuple(examples.edits(f"{low.base} → {high.base}", low.spec, high.spec) for low, high in pairwise(present))
        )
    controls = distinct_controls(rows)
    if controls:
        yield Heading("Each control, against paper on the same rung")
        yield Cards(
            tuple(examples.edits(f"{row.base}: paper → {row.variant}", base.spec, row.spec) for row, base in controls)
        )
