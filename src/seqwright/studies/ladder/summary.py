"""The report's first sentences: what was found, in words made from the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqwright.report.formatting import count, listing, rate
from seqwright.studies.ladder.controls import true_cause
from seqwright.studies.ladder.rows import (
    LadderResult,
    Rung,
    controls_with_base,
    is_own,
    learnt,
    learnt_of,
    loss_misleads,
    place,
    seeds_of,
    sentence,
    unique,
)


def lead(result: LadderResult) -> Iterator[str]:
    papers = [row for row in result.rungs if row.variant == "paper"]
    own = is_own(result.rungs)
    yield from _lead_of_own(papers) if own else _lead_of_paper(result.rungs, papers)
    misled = [row for row, base in controls_with_base(result.rungs) if loss_misleads(row, base)]
    if misled:
        places = listing(map(place, misled))
        yield f"The loss misleads on {places}: it is lower than without the change, and less is answered."
    verdicts = [claim.verdict for claim in result.claims]
    if own and verdicts:
        needed = [claim.claim.removeprefix("This data needs ") for claim in result.claims if claim.verdict == "needed"]
        yield f"This data needs {listing(needed)}." if needed else "No part was seen to be needed."
    elif verdicts:
        told = "; ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in unique(verdicts))
        yield f"Of the paper's {count(len(verdicts), 'claim')}: {told}."


def _lead_of_paper(rows: Sequence[Rung], papers: Sequence[Rung]) -> Iterator[str]:
    """Which rungs answer their tasks, and why the first does not."""
    groups = (
        ("all seeds", [place(row) for row in papers if learnt(row) == seeds_of(row)]),
        ("some seeds", [place(row, learnt_of(row)) for row in papers if 0 < learnt(row) < seeds_of(row)]),
        ("no seeds", [place(row) for row in papers if learnt(row) == 0]),
    )
    told = [(who, listing(places)) for who, places in groups if places]
    clauses = [
        f"{who} {'do' if index else 'answer every sequence'} on {places}" for index, (who, places) in enumerate(told)
    ]
    yield sentence("; ".join(clauses))
    if any(true_cause(base, [row]) for row, base in controls_with_base(rows)):
        yield "Rung plain fails because of its LayerNorm at width 1, not for want of an embedding."


def _lead_of_own(papers: Sequence[Rung]) -> Iterator[str]:
    """Exact match rung by rung, and the part that brought most."""
    if not papers:
        return
    told = listing(f"{rate(row.exact_match.median)} on {row.rung}" for row in papers)
    yield f"Exact match on held-out rows (median over seeds): {told}."
    steps = [
        (after.exact_match.median - before.exact_match.median, before, after) for before, after in pairwise(papers)
    ]
    if steps:
        gain, before, after = max(steps, key=lambda step: step[0])
        apart = after.exact_match.low > before.exact_match.high
        if gain > 0:
            sure = "the intervals do not overlap" if apart else "but the intervals overlap"
            yield f"The rung that adds most is {after.rung} (+{rate(gain)} over {before.rung}; {sure})."
        else:
            yield "No rung answers more than the one below it."
