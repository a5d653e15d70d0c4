"""A page about heads: pattern scores by layer, grammatical relations, and coreference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqwright.evaluation.bootstrap import Interval
from seqwright.heads.coreference import Coreference, HeadAccuracy
from seqwright.heads.relations import Relation, Relations
from seqwright.heads.roles import Roles
from seqwright.report.charts import Square, matrix
from seqwright.report.page import Figure, Page, Part, Prose, Section, Table
from seqwright.viewer.record import Kind

MAX_ROWS = 12
"""Relations in the chart."""
HEADER = ("relation", "count", "head", "direction", "right, %", "held out", "offset", "baseline, %", "gain")
NAMES: dict[Kind, str] = {
    "encoder": "The encoder's heads", "decoder": "The decoder's heads", "cross": "The heads of cross attention",
}  # fmt: skip


@dataclass(frozen=True)
class Heads:
    """The results about a model's heads."""

    model: str
    roles: tuple[Roles, ...]
    relations: Relations | None = None
    coreference: Coreference | None = None

    def page(self) -> Page:
        """Return the results as a page."""
        sections = [Section(NAMES[role.kind], tuple(_of_roles(role))) for role in self.roles]
        if self.relations is not None:
            sections.append(Section("Grammatical relations", tuple(_of_relations(self.relations))))
        if self.coreference is not None:
            sections.append(Section("Pronouns", tuple(_of_coreference(self.coreference))))
        return Page(
            f"The heads of {self.model}",
            tuple(self.summary()),
            (("layers and heads", "counted from 0"),),
            tuple(sections),
        )

    def summary(self) -> list[str]:
        """Return a summary in sentences."""
        found = []
        for role in self.roles:
            strong = [
                f"{name}: {head_name(scores[0].layer, scores[0].head)} ({scores[0].score:.2f})"
                for name, scores in role.best.items()
                if name not in ("broad", "distance", "delimiter") and scores and scores[0].score >= 0.5
            ]
            patterns = "; ".join(strong) or "no head gives half of its attention to any pattern"
            found.append(f"{NAMES[role.kind]}: {patterns}.")
        if self.relations is not None:
            better = [each for each in self.relations.relations if each.name != "all" and beats_offset(each)]
            names = ", ".join(f"{each.name} {head_name(each.layer, each.head)}" for each in better[:8])
            more = f", and {len(better) - 8} more" if len(better) > 8 else ""
            found.append(
                f"Relations that a head predicts better than any fixed offset, also held out: {names + more or 'none'}."
            )
        if self.coreference is not None and self.coreference.heads:
            best = self.coreference.heads[0]
            found.append(
                f"{head_name(best.layer, best.head)} attends more to a pronoun's antecedent than to the other candidate in {best.accuracy:.0%}; "
                f"the nearer candidate is right in {self.coreference.nearer:.0%}, chance is 50%."
            )
        return found


def beats_offset(relation: Relation) -> bool:
    """Return whether the head is better than the best offset, by the interval of the gain and held out."""
    return relation.gain is not None and relation.gain[0] > 0 and relation.held_out > relation.baseline


def head_name(layer: int, head: int) -> str:
    """Return the name of a head.

    >>> head_name(2, 8)
    '2-8'
    """
    return f"{layer}-{head}"


def with_interval(value: float, interval: Interval | None) -> str:
    """Format a share with its interval, in percent.

    >>> with_interval(0.5, (0.25, 0.75))
    '50 (25–75)'
    """
    return f"{100 * value:.0f}" + (f" ({100 * interval[0]:.0f}–{100 * interval[1]:.0f})" if interval else "")


def _of_roles(role: Roles) -> list[Part]:
    names = [name for name in role.scores if name != "distance"]
    squares = [
        Square(f"layer {layer}", name, max(scores), f"{max(scores):.2f}", f"head {role.heads[int(np.argmax(scores))]}")
        for name in names
        for layer, scores in zip(role.layers, role.scores[name], strict=True)
    ]
    rows = [f"layer {layer}" for layer in role.layers]
    picture = matrix(
        f"roles-{role.kind}", "For every layer and pattern the head with the highest score.", squares, rows, names
    )
    best = [
        (name, *(f"{head_name(each.layer, each.head)}: {with_interval(each.score, each.interval)}" for each in scores))
        for name, scores in role.best.items()
        if name != "distance"
    ]
    table = Table(
        ("pattern", "best head: % of its attention (95 % interval)", "second", "third"),
        tuple((*row, *[""] * (4 - len(row))) for row in best),
    )
    text = (
        f"From {role.texts} texts. The score of a pattern is the share of a head's attention on the pattern's token: the one before, after, itself, the first, "
        "a special token, the same token elsewhere, or the token that followed it there (induction). Broad is 1 where attention is spread evenly."
    )
    return [
        Prose(text),
        Figure((picture,), "The highest score in each layer, from the first layer to the last."),
        table,
    ]


def _of_relations(found: Relations) -> list[Part]:
    skipped = f" {found.skipped} more were split into other words by the tokenizer." if found.skipped else ""
    text = (
        f"{found.sentences} sentences.{skipped} A head predicts as a word's governor the word with the greatest weight from it (→) or to it (←), as in Clark et al. 2019. "
        "The baseline is the best fixed offset; gain is the interval of the difference, over sentences. "
        "Held out: the best head is selected on one half of the sentences and measured on the other."
    )
    parts: list[Part] = [Prose(text)]
    shown = found.relations[:MAX_ROWS]
    if shown:
        layers = [f"layer {layer}" for layer in found.layers]
        squares = [
            Square(each.name, layer, value, f"{100 * value:.0f}")
            for each in shown
            for layer, value in zip(layers, each.by_layer, strict=True)
        ]
        picture = matrix(
            "relations",
            "For the commonest relations the best head of each layer.",
            squares,
            [each.name for each in shown],
            layers,
        )
        parts.append(Figure((picture,), "The best head of each layer, right in % of cases."))
    rows = tuple(map(cells_of, found.relations))
    return [*parts, Table(HEADER, rows, numeric=frozenset({1, 5, 6, 7}))]


def cells_of(each: Relation) -> tuple[str, ...]:
    """Return the cells of a relation's row."""
    direction = "→" if each.direction.startswith("dependent") else "←"
    return (
        each.name, f"{each.count:,}", head_name(each.layer, each.head), direction, with_interval(each.accuracy, each.interval),
        f"{100 * each.held_out:.0f}", f"{each.offset:+}", f"{100 * each.baseline:.0f}", gain_of(each.gain),
    )  # fmt: skip


def gain_of(interval: Interval | None) -> str:
    """Format the interval of a gain, in percent."""
    return "" if interval is None else f"{100 * interval[0]:+.0f} to {100 * interval[1]:+.0f}"


def _of_coreference(found: Coreference) -> list[Part]:
    skipped = f" {found.skipped} more have no two candidates or were split into other words." if found.skipped else ""
    text = (
        f"{found.sentences} sentences.{skipped} A head is right where the pronoun's weight on its antecedent is greater than on the other candidate; chance is 50%. "
        f"The nearer candidate is right in {found.nearer:.0%}, the first in {found.first:.0%}. "
        f"The best head, selected on one half of the sentences and measured on the other: {found.held_out:.0%}. "
        "The last column is over sentences whose antecedent is farther than the other candidate: a head that attends nearby is wrong in all of them."
    )
    rows = tuple(
        (head_name(each.layer, each.head), with_interval(each.accuracy, each.interval), far_of(each))
        for each in found.heads[:10]
    )
    return [Prose(text), Table(("head", "right, % (95 % interval)", "antecedent farther, %"), rows)]


def far_of(each: HeadAccuracy) -> str:
    """Format the accuracy where the antecedent is farther, in percent.

    >>> far_of(HeadAccuracy(0, 1, 0.9, None, far_accuracy=0.25))
    '25'
    """
    return "" if each.far_accuracy is None else f"{100 * each.far_accuracy:.0f}"
