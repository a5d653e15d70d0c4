"""Which head knows whom a pronoun means: does it attend to the antecedent more than to the other candidate?

Sentences are WinoBias's (Zhao et al. 2018): ``[The developer] argued with the designer because [she] did not like the design.`` The antecedent
stands in the first pair of brackets, or the pronoun does; the other candidate is a word that is an antecedent elsewhere in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError, reason
from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.heads.cross_validation import held_out
from seqwright.heads.word_attention import Attend, between_words

PRONOUNS = frozenset({"he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their", "theirs", "it", "its"})  # fmt: skip


@dataclass(frozen=True)
class PronounCase:
    """Words, and the places of the pronoun, of what it means and of what it might."""

    words: tuple[str, ...]
    pronoun: int
    antecedent: int
    other: int


class Link(msgspec.Struct, frozen=True):
    """How often a head attends from the pronoun to its antecedent more than to the other candidate; half of them by chance.

    ``far`` is the same among the sentences in which the other candidate is nearer: there no head is right that looks nearby.
    """

    layer: int
    head: int
    accuracy: float
    interval: Interval | None
    far: float | None


class Coreference(msgspec.Struct, frozen=True):
    """Heads, the best first.

    Attributes:
        held_out: the accuracy where the best head is chosen on one half of the sentences and asked on the other.
        nearer: how often the candidate nearer to the pronoun is the antecedent; ``first``: the one that comes first.
        skipped: sentences without two candidates, or that the model's tokenizer splits otherwise.
    """

    links: tuple[Link, ...]
    sentences: int
    skipped: int
    held_out: float
    nearer: float
    first: float


def questions(path: str | Path) -> tuple[list[PronounCase], int]:
    """The sentences of a file that have two candidates, and how many have not.

    Raises:
        SeqwrightError: the file cannot be read, or no sentence has two pairs of brackets.
    """
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        told = reason(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise SeqwrightError(
            f"the sentences cannot be read: {told}", where=str(path), fix="give a text file"
        ) from error
    marked = [found for found in map(_marked, lines) if found is not None]
    if not marked:
        raise SeqwrightError(
            "no sentence has a pronoun and its antecedent in brackets",
            where=str(path),
            fix="write [The developer] argued with the designer because [she] …",
        )
    known = {words[antecedent].lower() for words, _, antecedent in marked}
    found = []
    for words, pronoun, antecedent in marked:
        others = [place for place, word in enumerate(words) if word.lower() in known and word.lower() != words[antecedent].lower()]  # fmt: skip
        if others:
            found.append(PronounCase(words, pronoun, antecedent, others[0]))
    return found, len(lines) - len(found)


def _marked(line: str) -> tuple[tuple[str, ...], int, int] | None:
    """A line's words, and the places of its pronoun and of its antecedent's last word."""
    words: list[str] = []
    marks: list[tuple[bool, int]] = []
    for inside, outside in re.findall(r"\[([^\]]*)\]|([^\[\]]+)", re.sub(r"^\s*\d+\s+", "", line)):
        some = re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", inside or outside)
        words += some
        if inside and some:
            marks.append((some[-1].lower() in PRONOUNS, len(words) - 1))
    pronouns, antecedents = ([place for is_pronoun, place in marks if is_pronoun is wanted] for wanted in (True, False))
    return (tuple(words), pronouns[0], antecedents[0]) if pronouns and antecedents else None


def coreference(attend: Attend, asked: Iterable[PronounCase], *, layers: tuple[int, ...] = (), heads: tuple[int, ...] = (), skipped: int = 0) -> Coreference:  # fmt: skip
    """How every head answers the questions.

    Args:
        attend: what the model attends to in a sentence.
        asked: what :func:`questions` found.
        layers, heads: the numbers of those that ``attend`` records; from 0 on where left out.
        skipped: how many sentences were no questions.

    Raises:
        SeqwrightError: no sentence can be asked.
    """
    hits, kept = [], []
    for question in asked:
        weights = between_words(attend(question.words), len(question.words))
        if weights is None:
            skipped += 1
            continue
        from_pronoun = weights[:, :, question.pronoun]
        hits.append(from_pronoun[:, :, question.antecedent] > from_pronoun[:, :, question.other])
        kept.append(question)
    if not kept:
        raise SeqwrightError(
            "no sentence with two candidates could be read",
            fix="name two whom the pronoun might mean; use a fast tokenizer",
        )
    table = np.stack(hits).astype(np.float32)
    size, head_count = len(kept), table.shape[2]
    flat = table.reshape(size, -1)
    near = np.array([abs(each.pronoun - each.antecedent) < abs(each.pronoun - each.other) for each in kept])
    links = [
        Link(
            layers[number // head_count] if layers else number // head_count,
            heads[number % head_count] if heads else number % head_count,
            float(flat[:, number].mean()),
            interval(flat[:, number], np.ones(size)),
            None if near.all() else float(flat[~near, number].mean()),
        )
        for number in np.argsort(-flat.mean(0), kind="stable").tolist()
    ]
    return Coreference(
        tuple(links), size, skipped,
        held_out=held_out(flat, np.ones(size)),
        nearer=float(near.mean()), first=float(np.mean([each.antecedent < each.other for each in kept])),
    )  # fmt: skip
