"""The report's controls: one change at a time, and its consequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.report import charts
from seqwright.report.formatting import listing, number, rate, spread
from seqwright.report.page import Chart, Figure, Heading, Part, Prose, Terms, slug
from seqwright.studies.ladder.rows import controls_with_base, learnt, learnt_of, loss_misleads, sentence
from seqwright.studies.table import ALONE, CellView, unique

CHANGES = {
    "no-norm": "no LayerNorm anywhere; the width stays 1",
    "scalar-width-2": "the scalar lifted to width 2 by a linear map; LayerNorm kept",
    "scalar-width-4": "the scalar lifted to width 4 by a linear map; LayerNorm kept",
    "scalar-width-8": "the scalar lifted to width 8 by a linear map; LayerNorm kept",
    "no-causal-mask": "in training, a target position attends to the ones after it too",
    "no-positions": "no positions on either side",
    "no-padding-masks": "PAD is an ordinary symbol with a position of its own; only the loss ignores it",
    "pad-in-loss": "PAD is a symbol to be predicted and counts in the loss",
    "embedding-width-1": "the embedding, and with it the whole model, has width 1",
}


def controls(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield for each rung that has controls the chart, what each control changes and its consequence, the conclusion."""
    pairs = list(controls_with_base(rows))
    if not pairs:
        return
    yield Prose("A control is a rung's model with one thing changed; paper is the model unchanged.")
    for rung in unique(row.base for row, _ in pairs):
        changed = [(row, base) for row, base in pairs if row.base == rung]
        base = changed[0][1]
        yield Heading(f"On {rung} ({base.task})")
        yield Figure((_control_chart(rung, [base, *(row for row, _ in changed)]),), _CONTROL_CAPTION)
        yield Terms(tuple((row.variant, _consequence(row, base)) for row, base in changed))
        conclusion = true_cause(base, [row for row, _ in changed])
        if conclusion:
            yield Prose(conclusion)


_CONTROL_CAPTION = (
    "Left: exact match. Right: final training loss on a log axis, paper's as a dashed line. Marks are medians over "
    "seeds, lines their intervals."
)


def _control_chart(rung: str, rows: Sequence[CellView]) -> Chart:
    alone = any(row.interval(ALONE) != row.exact_match for row in rows)
    matches = [charts.Dot(row.variant, "padded" if alone else "exact match", row.exact_match) for row in rows]
    matches += [charts.Dot(row.variant, "alone", row.interval(ALONE)) for row in rows if alone]
    loss = rows[0].train_loss.median
    losses = [charts.Dot(row.variant, "training loss", row.train_loss) for row in rows]
    panels = (charts.Panel("exact match", matches, (0, 1)), charts.Panel("final training loss", losses, compare=loss))
    description = f"Controls on {rung}: " + "; ".join(
        f"{row.variant} exact match {rate(row.exact_match.median)}, loss {number(row.train_loss.median)}"
        for row in rows
    )
    return charts.dots(f"controls-{slug(rung)}", description, panels, [row.variant for row in rows])


def _consequence(row: CellView, base: CellView) -> str:
    """Return what a control changes, and its consequence."""
    sentences = [sentence(CHANGES[row.variant])] if row.variant in CHANGES else []
    if learnt(row) or learnt(base):
        sentences.append(f"{learnt_of(row)} seeds answer everything (paper: {learnt_of(base)}).")
    else:
        sentences.append(f"Exact match {spread(row.exact_match, rate)} (paper: {spread(base.exact_match, rate)}).")
    if loss_misleads(row, base):
        sentences.append(
            f"Its training loss is lower, {number(row.train_loss.median)} against {number(base.train_loss.median)}, "
            f"and yet its exact match is {rate(row.exact_match.median)} against {rate(base.exact_match.median)}."
        )
    if _lost_alone(row) > max(0, _lost_alone(base)):
        sentences.append(
            f"With padding around the rows it answers {rate(row.exact_match.median)}, alone {rate(row.interval(ALONE).median)}."
        )
    for signature, meaning in _MEANINGS.items():
        if _mostly(row, signature) and not _mostly(base, signature):
            sentences.append(f"In {row.count(signature)} of {row.seeds} seeds {meaning}.")
    return " ".join(sentences)


def _lost_alone(row: CellView) -> float:
    """Return how much exact match falls when the padding is removed."""
    return row.exact_match.median - row.interval(ALONE).median


def _mostly(row: CellView, signature: str) -> bool:
    return row.count(signature) > row.seeds / 2


_MEANINGS = {
    "mean-collapse": "the output does not depend on the input",
    "order-blind": "reordered sources get the same output",
    "teacher-forced-only": "every next token is right under teacher forcing, and an answer is wrong when generated",
    "padding-dependent": "an answer changes with the padding around its source",
}


def true_cause(base: CellView, controls: Sequence[CellView]) -> str:
    """Return the cause on rung plain, where the numbers show it: not the missing embedding but LayerNorm over one feature."""
    by = {row.variant: row for row in controls}
    bare, wide = by.get("no-norm"), [row for row in controls if row.variant.startswith("scalar-width-")]
    if bare is None or base.base != "plain" or learnt(bare) <= bare.seeds / 2 or learnt(base) > 0:
        return ""
    wider = listing(f"{learnt_of(row)} at {row.variant}" for row in wide)
    return (
        "The cause is LayerNorm at width 1, not the missing embedding. Over a single feature LayerNorm returns a "
        f"constant, so the output cannot depend on the input. With it {learnt_of(base)} seeds learn; without it, at the same "
        f"width, {learnt_of(bare)}{f'; with it on a wider scalar, {wider}' if wider else ''}."
    )
