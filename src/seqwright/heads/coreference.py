"""Pronouns resolved by attention heads, by the greater of the weights on the antecedent and on another candidate.

Sentences have the form of WinoBias (Zhao et al. 2018): ``[The developer] argued with the designer because [she] did not like the design.``
One pair of brackets contains the antecedent, the other the pronoun; the other candidate is a word that is an antecedent elsewhere in
the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError, reason
from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.heads.cross_validation import held_out
from seqwright.heads.word_attention import Attend, SentenceReader

PRONOUNS = frozenset({"he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their", "theirs", "it", "its"})  # fmt: skip


@dataclass(frozen=True)
class PronounCase:
    """Words, and the indices of the pronoun, of its antecedent and of the other candidate."""

    words: tuple[str, ...]
    pronoun: int
    antecedent: int
    other: int


class HeadAccuracy(msgspec.Struct, frozen=True):
    """The accuracy of one head; chance is a half.

    Attributes:
        interval: of the accuracy, over sentences.
        far_accuracy: among sentences whose antecedent is farther than the other candidate; 0 for a head that attends nearby.
    """

    layer: int
    head: int
    accuracy: float
    interval: Interval | None
    far_accuracy: float | None


class Coreference(msgspec.Struct, frozen=True):
    """The accuracy of all heads, the best first.

    Attributes:
        skipped: sentences without two candidates, or that the model's tokenizer splits into other words.
        held_out: the accuracy of the best head in twofold cross-validation.
        nearer, first: the accuracy of choosing the nearer candidate, or the first one.
    """

    heads: tuple[HeadAccuracy, ...]
    sentences: int
    skipped: int
    held_out: float
    nearer: float
    first: float


def pronoun_cases(path: str | Path) -> tuple[list[PronounCase], int]:
    """Read the sentences of a file that have two candidates; also return the number of those that have not.

    Raises:
        SeqwrightError: The file cannot be read, or no sentence has two pairs of brackets.
    """
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise SeqwrightError(f"the sentences cannot be read: {why}", where=str(path), fix="give a text file") from error
    marked = [found for found in map(_marked, lines) if found is not None]
    if not marked:
        problem, example = (
            "no sentence has a pronoun and its antecedent in brackets",
            "[The developer] … because [she] …",
        )
        raise SeqwrightError(problem, where=str(path), fix=f"write {example}")
    known = {words[antecedent].lower() for words, _, antecedent in marked}
    found = []
    for words, pronoun, antecedent in marked:
        candidates = known - {words[antecedent].lower()}
        others = [at for at, word in enumerate(words) if word.lower() in candidates]
        if others:
            found.append(PronounCase(words, pronoun, antecedent, others[0]))
    return found, len(lines) - len(found)


def _marked(line: str) -> tuple[tuple[str, ...], int, int] | None:
    """Return a line's words, and the indices of its pronoun and of the last word of its antecedent."""
    words: list[str] = []
    marks: list[tuple[bool, int]] = []
    for inside, outside in re.findall(r"\[([^\]]*)\]|([^\[\]]+)", re.sub(r"^\s*\d+\s+", "", line)):
        found = re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", inside or outside)
        words += found
        if inside and found:
            marks.append((found[-1].lower() in PRONOUNS, len(words) - 1))
    pronouns, antecedents = ([at for is_pronoun, at in marks if is_pronoun is kind] for kind in (True, False))
    return (tuple(words), pronouns[0], antecedents[0]) if pronouns and antecedents else None


def coreference(attend: Attend, cases: Iterable[PronounCase], *, skipped: int = 0) -> Coreference:
    """Measure how often each head resolves the pronoun.

    Args:
        attend: a function from words to a record.
        cases: of :func:`pronoun_cases`.
        skipped: the number of sentences without two candidates.

    Raises:
        SeqwrightError: No sentence could be read.
    """
    hits, kept, reader = [], [], SentenceReader(attend)
    for case in cases:
        if (weights := reader.weights(case.words)) is not None:
            from_pronoun = weights[:, :, case.pronoun]
            hits.append(from_pronoun[:, :, case.antecedent] > from_pronoun[:, :, case.other])
            kept.append(case)
    if not kept:
        problem = "no sentence with two candidates could be read"
        raise SeqwrightError(problem, fix="give sentences with two candidates, and a fast tokenizer")
    flat = np.stack(hits).astype(np.float32).reshape(len(kept), -1)
    ones, numbers = np.ones(len(kept)), list(product(reader.layers, reader.heads))
    near = np.array([abs(each.pronoun - each.antecedent) < abs(each.pronoun - each.other) for each in kept])
    found = [
        HeadAccuracy(
            *numbers[at],
            accuracy=float(flat[:, at].mean()),
            interval=interval(flat[:, at], ones),
            far_accuracy=None if near.all() else float(flat[~near, at].mean()),
        )
        for at in np.argsort(-flat.mean(0), kind="stable").tolist()
    ]
    return Coreference(
        tuple(found), len(kept), skipped + reader.skipped,
        held_out=held_out(flat, ones),
        nearer=float(near.mean()), first=float(np.mean([each.antecedent < each.other for each in kept])),
    )  # fmt: skip
