"""The first sentences of the ladder's report, made from the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.report.formatting import count, listing, rate
from seqwright.studies.ladder.controls import true_cause
from seqwright.studies.ladder.rows import controls_with_base, is_own, label, learnt, learnt_of, loss_misleads, sentence
from seqwright.studies.results import StudyResult
from seqwright.studies.table import CellView, unique


def lead(result: StudyResult) -> Iterator[str]:
    """Yield the first sentences: which rungs answer what, whether the loss misleads, and the verdicts."""
    rows = result.table.rows
    papers = [row for row in rows if row.variant == "paper"]
    own = is_own(rows)
    yield from _lead_of_own(papers) if own else _lead_of_paper(rows, papers)
    misled = [row for row, base in controls_with_base(rows) if loss_misleads(row, base)]
    if misled:
        yield f"The loss misleads on {listing(map(label, misled))}: it is lower than without the change, and less is answered."
    verdicts = [claim.verdict for claim in result.claims]
    if own and verdicts:
        needed = [claim.claim.removeprefix("This data needs ") for claim in result.claims if claim.verdict == "needed"]
        yield f"This data needs {listing(needed)}." if needed else "No part was seen to be needed."
    elif verdicts:
        counts = "; ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in unique(verdicts))
        yield f"Of the paper's {count(len(verdicts), 'claim')}: {counts}."


def _lead_of_paper(rows: Sequence[CellView], papers: Sequence[CellView]) -> Iterator[str]:
    """Yield which rungs answer their tasks, and why the first does not."""
    groups = (
        ("all seeds", [label(row) for row in papers if learnt(row) == row.seeds]),
        ("some seeds", [label(row, learnt_of(row)) for row in papers if 0 < learnt(row) < row.seeds]),
        ("no seeds", [label(row) for row in papers if learnt(row) == 0]),
    )
    clauses = [f"{seeds} {{}} on {listing(labels)}" for seeds, labels in groups if labels]
    clauses = [clause.format("do" if index else "answer every sequence") for index, clause in enumerate(clauses)]
    yield sentence("; ".join(clauses))
    if any(true_cause(base, [row]) for row, base in controls_with_base(rows)):
        yield "Rung plain fails because of its LayerNorm at width 1, not for want of an embedding."


def _lead_of_own(papers: Sequence[CellView]) -> Iterator[str]:
    """Yield exact match rung by rung, and the rung that adds most."""
    if not papers:
        return
    rates = listing(f"{rate(row.exact_match.median)} on {row.base}" for row in papers)
    yield f"Exact match on held-out rows (median over seeds): {rates}."
    steps = [
        (after.exact_match.median - before.exact_match.median, before, after) for before, after in pairwise(papers)
    ]
    if steps:
        gain, before, after = max(steps, key=lambda step: step[0])
        apart = after.exact_match.low > before.exact_match.high
        if gain > 0:
            certainty = "the intervals do not overlap" if apart else "but the intervals overlap"
            yield f"The rung that adds most is {after.base} (+{rate(gain)} over {before.base}; {certainty})."
        else:
            yield "No rung answers more than the one below it."
