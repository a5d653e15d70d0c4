"""A page about heads: what they do by rule, from layer to layer, which relation which of them knows, and whom a pronoun means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqwright.evaluation.bootstrap import Interval
from seqwright.heads.coreference import Coreference, Link
from seqwright.heads.relations import Relation, Relations
from seqwright.heads.roles import Roles
from seqwright.report.charts import Square, matrix
from seqwright.report.page import Figure, Page, Part, Prose, Section, Table
from seqwright.viewer.record import Kind

MOST = 12
"""So many relations a picture has rows for."""
NAMES: dict[Kind, str] = {
    "encoder": "The encoder's heads", "decoder": "The decoder's heads", "cross": "The heads of cross attention",
}  # fmt: skip


@dataclass(frozen=True)
class Heads:
    """What was found out about a model's heads."""

    model: str
    roles: tuple[Roles, ...]
    relations: Relations | None = None
    coreference: Coreference | None = None

    def page(self) -> Page:
        """All of it as a page."""
        sections = [Section(NAMES[role.kind], tuple(_of_roles(role))) for role in self.roles]
        if self.relations is not None:
            sections.append(Section("Which head knows which relation?", tuple(_of_relations(self.relations))))
        if self.coreference is not None:
            sections.append(Section("Whom does the pronoun mean?", tuple(_of_coreference(self.coreference))))
        return Page(
            f"The heads of {self.model}", tuple(self.lead()), (("layers and heads", "counted from 0"),), tuple(sections)
        )

    def lead(self) -> list[str]:
        """What was found, in sentences."""
        found = []
        for role in self.roles:
            strong = [
                f"{name}: {written(scores[0].layer, scores[0].head)} ({scores[0].score:.2f})"
                for name, scores in role.best.items()
                if name not in ("broad", "distance", "delimiter") and scores and scores[0].score >= 0.5
            ]
            told = "; ".join(strong) or "no head gives half of its attention to any pattern"
            found.append(f"{NAMES[role.kind]}: {told}.")
        if self.relations is not None:
            known = [each for each in self.relations.relations if each.name != "all" and knows(each)]
            told = ", ".join(f"{each.name} {written(each.layer, each.head)}" for each in known[:8])
            more = f", and {len(known) - 8} more" if len(known) > 8 else ""
            found.append(f"Known to some head better than to any fixed offset, held out too: {told + more or 'none'}.")
        if self.coreference is not None and self.coreference.links:
            best = self.coreference.links[0]
            found.append(
                f"{written(best.layer, best.head)} attends to a pronoun's antecedent rather than to the other candidate in {best.accuracy:.0%}; "
                f"the candidate that is nearer is right in {self.coreference.nearer:.0%}, and half are by chance."
            )
        return found


def knows(relation: Relation) -> bool:
    """Whether a relation's head is better than the best offset: by its interval, and where the head was not chosen."""
    return relation.gain is not None and relation.gain[0] > 0 and relation.held_out > relation.baseline


def written(layer: int, head: int) -> str:
    """A head's name.

    >>> written(2, 8)
    '2-8'
    """
    return f"{layer}-{head}"


def between(value: float, interval: Interval | None) -> str:
    """A share with its interval.

    >>> between(0.5, (0.25, 0.75))
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
        f"roles-{role.kind}", "For every layer and pattern the head that follows it most.", squares, rows, names
    )
    best = [
        (name, *(f"{written(each.layer, each.head)}: {between(each.score, each.interval)}" for each in scores))
        for name, scores in role.best.items()
        if name != "distance"
    ]
    table = Table(
        ("pattern", "best head: % of its attention (95 % interval)", "second", "third"),
        tuple((*row, *[""] * (4 - len(row))) for row in best),
    )
    said = (
        f"From {role.texts} texts. A pattern's score is the part of a head's attention that goes where the pattern points: to the token before, after, itself, the first, "
        "a delimiter, the same token elsewhere, or what followed it there (induction). Broad is 1 where attention is spread evenly."
    )
    return [
        Prose(said),
        Figure((picture,), "The best head of each layer, from low to high: how what heads do changes with depth."),
        table,
    ]


def _of_relations(found: Relations) -> list[Part]:
    skipped = f" {found.skipped} more were split otherwise by the tokenizer." if found.skipped else ""
    said = (
        f"{found.sentences} sentences.{skipped} A head predicts that the word which a word attends to most (or which attends to it most: ←) governs it, as Clark et al. 2019 do; "
        "beside it stands the best fixed offset. Gain is the difference, with its interval over sentences. Choosing the best of many heads flatters it: "
        "held out, it is chosen on one half of the sentences and asked on the other."
    )
    rows = tuple(
        (each.name, f"{each.count:,}", written(each.layer, each.head), "→" if each.direction.startswith("dependent") else "←",
         between(each.accuracy, each.interval), f"{100 * each.held_out:.0f}", f"{each.offset:+}", f"{100 * each.baseline:.0f}", gained(each.gain))
        for each in found.relations
    )  # fmt: skip
    header = ("relation", "count", "head", "looks", "right, %", "held out", "offset", "its, %", "gain")
    parts: list[Part] = [Prose(said)]
    shown = found.relations[:MOST]
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
        parts.append(Figure((picture,), "The best head of each layer, right in so many of 100 cases."))
    return [*parts, Table(header, rows, numeric=frozenset({1, 5, 6, 7}))]


def gained(interval: Interval | None) -> str:
    """A difference's interval, in hundredths."""
    return "" if interval is None else f"{100 * interval[0]:+.0f} to {100 * interval[1]:+.0f}"


def _of_coreference(found: Coreference) -> list[Part]:
    skipped = f" {found.skipped} more have no two candidates, or were split otherwise." if found.skipped else ""
    said = (
        f"{found.sentences} sentences.{skipped} How often does the pronoun attend to its antecedent more than to the other candidate? Half of them by chance. "
        f"The candidate that is nearer is right in {found.nearer:.0%}, the first in {found.first:.0%}. "
        f"The best head, chosen on one half and asked on the other: {found.held_out:.0%}. "
        "The last column counts sentences in which the other candidate is nearer: a head that looks nearby is wrong in all of them."
    )
    rows = tuple(
        (written(link.layer, link.head), between(link.accuracy, link.interval), far_of(link))
        for link in found.links[:10]
    )
    return [Prose(said), Table(("head", "right, % (95 % interval)", "where the other is nearer, %"), rows)]


def far_of(link: Link) -> str:
    """The share of a head's right answers where nearness misleads.

    >>> far_of(Link(0, 1, 0.9, None, far=0.25))
    '25'
    """
    return "" if link.far is None else f"{100 * link.far:.0f}"
