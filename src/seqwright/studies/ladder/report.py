"""The ladder's report in sentences, tables and charts.

Every sentence that states a finding is made from the numbers, so the page agrees with its tables, whatever the
seeds and the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.report import charts, examples
from seqwright.report.formatting import listing, rate
from seqwright.report.page import Cards, Figure, Heading, Page, Part, Prose, Section, Terms
from seqwright.studies import report as every_report
from seqwright.studies import report_parts
from seqwright.studies.ladder.controls import controls
from seqwright.studies.ladder.rows import distinct_controls, is_own, label, learnt_of
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.ladder.summary import lead
from seqwright.studies.results import StudyResult
from seqwright.studies.table import CellView, ResultTable, unique


def page(result: StudyResult, command: str) -> Page:
    """Return the report as a value; ``command`` is the command line that makes the study again."""
    rows = result.table.rows
    own = is_own(rows)
    sections = [
        Section("Exact match", tuple(matrix_part(rows))),
        Section("Which parts this data needs" if own else "The paper's claims", tuple(claims_part(result))),
        Section("Controls", tuple(controls(rows))),
        Section("Loss curves", tuple(every_report.curves(result.table))),
        Section("Answers", tuple(answers(result.table))),
        Section("Specs", tuple(specs(rows))),
        Section("All numbers", tuple(report_parts.everything(rows, "rung"))),
        Section(
            "Method",
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
    blank = {rung: "n/a" if rung == "plain" and own else "–" for rung in RUNGS}
    squares = {(rung, task): charts.Square(rung, task, None, blank[rung]) for rung in RUNGS for task in tasks}
    squares |= {(row.base, row.task): _square(row, own) for row in papers}
    tested = "held-out rows" if own else "the sequences it was trained on"
    description = "Heat map of rungs by tasks: " + "; ".join(f"{label(row)} {learnt_of(row)} seeds" for row in papers)
    yield Prose(f"Each model generates its answers to {tested}, symbol by symbol; a chosen symbol stays chosen.")
    large = (
        "median exact match; small: its interval"
        if own
        else "seeds that answer everything, of all seeds; small: median exact match"
    )
    yield Figure(
        (charts.matrix("exact-match", description, list(squares.values()), tuple(RUNGS), tasks),),
        f"Large: {large}. Colour: median exact match, from 0 (dark) to 1 (bright). "
        f"{'n/a: not applicable' if own else 'A dash: not part of the study'}.",
    )
    yield Terms(tuple((RUNGS | {"plain": "not applicable: symbols are not scalars"} if own else RUNGS).items()))


def _square(row: CellView, own: bool) -> charts.Square:
    """Return a square with the seeds that answer all; of one's own rows hardly a seed does, so there it has the rate."""
    median = row.exact_match.median
    below = f"median {rate(median)}"
    return (
        charts.Square.of(row.base, row.task, row.exact_match)
        if own
        else charts.Square(row.base, row.task, median, learnt_of(row, "/"), below)
    )


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
    yield from every_report.claims(result.claims)


def answers(table: ResultTable) -> Iterator[Part]:
    """Yield for each rung and task the answers of all its variants."""
    yield Prose(report_parts.ANSWERS)
    for rung, task in dict.fromkeys((row.base, row.task) for row in table.rows):
        members = {row.variant: row for row in table.where(base=rung, task=task)}
        yield from report_parts.answers(f"{rung} on {task}", members)


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
