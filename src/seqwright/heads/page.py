"""A page about heads: pattern scores by layer, grammatical relations, and coreference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqwright.evaluation.bootstrap import Interval
from seqwright.heads.coreference import Coreference
from seqwright.heads.relations import MIN_COUNT, Relations
from seqwright.heads.roles import Roles
from seqwright.report.charts import Square, matrix
from seqwright.report.formatting import count
from seqwright.report.page import Figure, Page, Part, Prose, Section, Table
from seqwright.viewer.record import Kind

MAX_ROWS = 12
"""Relations in the chart."""
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
        facts = (("layers and heads", "counted from 0"),)
        return Page(f"The heads of {self.model}", tuple(self.summary()), facts, tuple(sections))

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Yield the tables of the page, each with a title."""
        for role in self.roles:
            yield f"{role.kind}, {count(role.texts, 'text')}", _pattern_table(role)
        if self.relations is not None:
            rare = "" if self.relations.relations else f"; none occurs {MIN_COUNT} times"
            yield f"relations, {count(self.relations.sentences, 'sentence')}{rare}", _relation_table(self.relations)
        if (found := self.coreference) is not None:
            rates = f"nearer {found.nearer:.0%}, first {found.first:.0%}, held out {found.held_out:.0%}"
            yield f"pronouns, {count(found.sentences, 'sentence')}; right: chance 50%, {rates}", _pronoun_table(found)

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
            better = [each for each in self.relations.relations if each.name != "all" and each.beats_offset]
            names = ", ".join(f"{each.name} {head_name(each.layer, each.head)}" for each in better[:8])
            more = f", and {len(better) - 8} more" if len(better) > 8 else ""
            claim = "Relations that a head predicts better than any fixed offset, also held out"
            found.append(f"{claim}: {names + more or 'none'}.")
        if self.coreference is not None and self.coreference.heads:
            best = self.coreference.heads[0]
            found.append(
                f"{head_name(best.layer, best.head)} attends more to a pronoun's antecedent than to the other candidate in {best.accuracy:.0%}; "
                f"the nearer candidate is right in {self.coreference.nearer:.0%}, chance is 50%."
            )
        return found


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
    rows = [f"layer {layer}" for layer in role.layers]
    squares = [
        Square(row, name, max(scores), f"{max(scores):.2f}", f"head {role.heads[int(np.argmax(scores))]}")
        for name in names
        for row, scores in zip(rows, role.scores[name], strict=True)
    ]
    title = "For every layer and pattern the head with the highest score."
    picture = matrix(f"roles-{role.kind}", title, squares, rows, names)
    text = (
        f"From {role.texts} texts. The score of a pattern is the share of a head's attention on the pattern's token: the one before, after, itself, the first, "
        "a special token, the same token elsewhere, or the token that followed it there (induction). Broad is 1 where attention is spread evenly."
    )
    caption = "The highest score in each layer, from the first layer to the last."
    return [Prose(text), Figure((picture,), caption), _pattern_table(role)]


def _pattern_table(role: Roles) -> Table:
    rows = [
        (name, *(f"{head_name(each.layer, each.head)}: {with_interval(each.score, each.interval)}" for each in scores))
        for name, scores in role.best.items()
        if name != "distance"
    ]
    header = ("pattern", "best head: % of its attention (95 % interval)", "second", "third")
    return Table(header, tuple((*row, *[""] * (4 - len(row))) for row in rows))


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
        title, names = "For the commonest relations the best head of each layer.", [each.name for each in shown]
        picture = matrix("relations", title, squares, names, layers)
        parts.append(Figure((picture,), "The best head of each layer, right in % of cases."))
    return [*parts, _relation_table(found)]


def _relation_table(found: Relations) -> Table:
    rows = tuple(
        (each.name, f"{each.count:,}", head_name(each.layer, each.head), "→" if each.direction.startswith("dependent") else "←",
         with_interval(each.accuracy, each.interval), f"{100 * each.held_out:.0f}", f"{each.offset:+}", f"{100 * each.baseline:.0f}",
         "" if each.gain is None else f"{100 * each.gain[0]:+.0f} to {100 * each.gain[1]:+.0f}")
        for each in found.relations
    )  # fmt: skip
    header = ("relation", "count", "head", "direction", "right, %", "held out", "offset", "baseline, %", "gain")
    return Table(header, rows, numeric=frozenset({1, 5, 6, 7}))


def _of_coreference(found: Coreference) -> list[Part]:
    skipped = f" {found.skipped} more have no two candidates or were split into other words." if found.skipped else ""
    text = (
        f"{found.sentences} sentences.{skipped} A head is right where the pronoun's weight on its antecedent is greater than on the other candidate; chance is 50%. "
        f"The nearer candidate is right in {found.nearer:.0%}, the first in {found.first:.0%}. "
        f"The best head, selected on one half of the sentences and measured on the other: {found.held_out:.0%}. "
        "The last column is over sentences whose antecedent is farther than the other candidate: a head that attends nearby is wrong in all of them."
    )
    return [Prose(text), _pronoun_table(found)]


def _pronoun_table(found: Coreference) -> Table:
    rows = tuple(
        (head_name(each.layer, each.head), with_interval(each.accuracy, each.interval),
         "" if each.far_accuracy is None else f"{100 * each.far_accuracy:.0f}")
        for each in found.heads[:10]
    )  # fmt: skip
    return Table(("head", "right, % (95 % interval)", "antecedent farther, %"), rows)
