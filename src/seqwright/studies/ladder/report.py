"""The ladder's report: what was measured, put into sentences, tables and charts.

Every sentence that states a finding is made from the numbers, so the page says the same as its tables, whatever the
seeds and whoever's data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seqwright import __version__
from seqwright.report import charts
from seqwright.report.formatting import listing, rate
from seqwright.report.page import Figure, Look, Page, Part, Prose, Section, Table, Terms, Text
from seqwright.studies.ladder.controls import controls
from seqwright.studies.ladder.details import answers, curves, everything, method, specs
from seqwright.studies.ladder.rows import LadderResult, Rung, is_own, learnt_of, place, unique
from seqwright.studies.ladder.rungs import RUNGS
from seqwright.studies.ladder.summary import lead

ADDS = {
    "plain": "encoder and decoder of width 1 on the scalars themselves; squared error; no START, no END",
    "token": "an embedding, an un-embedding, START and END; cross-entropy",
    "masked": "the causal mask: a target position sees itself and what is before it",
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


def write_report(result: LadderResult, out: Path, command: str) -> Path:
    """Write ``out/report.html`` and its charts as ``out/charts/*.svg``.

    Args:
        result: what the study found.
        out: the study's folder.
        command: the command line that makes the study again.

    Raises:
        SeqwrightError: the folder cannot be written to.
    """
    return page(result, command).write(out / "report.html")


def page(result: LadderResult, command: str) -> Page:
    """The report as a value."""
    rows = result.rungs
    sections = [
        Section("Who answers what", tuple(matrix_part(rows))),
        Section("Which parts this data needs" if is_own(rows) else "What the paper says", tuple(claims_part(result))),
        Section("Controls", tuple(controls(rows))),
        Section("Loss curves", tuple(curves(rows))),
        Section("Example answers", tuple(answers(rows))),
        Section("What each rung changes", tuple(specs(rows))),
        Section("All numbers", tuple(everything(rows))),
        Section("How it was measured", tuple(method(rows))),
    ]
    return Page(_title(rows), tuple(lead(result)), _facts(result, command), tuple(s for s in sections if s.parts))


def _title(rows: Sequence[Rung]) -> str:
    if is_own(rows):
        return f"The ladder on {listing(unique(row.task for row in rows))}"
    return "The ladder: which parts of a transformer do what"


def _facts(result: LadderResult, command: str) -> tuple[tuple[str, str], ...]:
    return (
        ("seeds", str(result.seeds)),
        ("training runs", f"{result.seeds * len(result.rungs):,}"),
        ("minutes of work", f"{result.seconds / 60:.1f}"),
        ("seqwright", __version__),
        ("made by", command),
    )


def matrix_part(rows: Sequence[Rung]) -> Iterator[Part]:
    own = is_own(rows)
    papers = [row for row in rows if row.variant == "paper"]
    tasks = unique(row.task for row in papers)
    squares = [charts.Square(row.rung, row.task, row.exact_match.median, *_told(row, own)) for row in papers]
    seen = {(row.rung, row.task) for row in papers}
    blank = {rung: "n/a" if rung == "plain" and own else "–" for rung in RUNGS}
    squares += [
        charts.Square(rung, task, None, blank[rung]) for rung in RUNGS for task in tasks if (rung, task) not in seen
    ]
    asked = "held-out rows" if own else "the sequences it was trained on"
    says = "Heat map of rungs by tasks: " + "; ".join(f"{place(row)} {learnt_of(row)} seeds" for row in papers)
    yield Prose(f"Each model generates its answers to {asked}, symbol by symbol; a chosen symbol stays chosen.")
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


def _told(row: Rung, own: bool) -> tuple[str, str]:
    """What stands in a square: on one's own data hardly a seed answers every held-out row, so it is the rate there."""
    if own:
        return rate(row.exact_match.median), f"{rate(row.exact_match.low)} to {rate(row.exact_match.high)}"
    return learnt_of(row, "/"), f"median {rate(row.exact_match.median)}"


def claims_part(result: LadderResult) -> Iterator[Part]:
    if not result.claims:
        return
    if is_own(result.rungs):
        yield Prose("The last rung beside the same rung without the part, asked on held-out rows.")
    else:
        yield Prose(
            "Losses are training losses, dropout on, as the paper reports them. Ours: the median over seeds and, in "
            "brackets, its interval."
        )
    columns = {
        "claim" if is_own(result.rungs) else "what the paper says": [claim.claim for claim in result.claims],
        "its number": [claim.paper for claim in result.claims],
        "ours": [claim.measured for claim in result.claims],
        "verdict": [Text(claim.verdict, BADGES.get(claim.verdict, "neutral")) for claim in result.claims],
        "evidence": [claim.evidence for claim in result.claims],
    }
    if is_own(result.rungs):
        del columns["its number"]
    yield Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))
