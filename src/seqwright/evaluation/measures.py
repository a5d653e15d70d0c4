"""How well a model answers a file, from one row of it after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

import msgspec
import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.evaluation.alignment import aligned, confusions, distance
from seqwright.evaluation.bootstrap import DRAWS, Interval, ends, interval, ratios, resampled
from seqwright.evaluation.metrics import TextMetric, text_score

BINS = 8
"""Into how many ranges of source lengths the questions are divided at most."""

CONFUSIONS = 50
"""How many pairs of confused symbols are kept."""


class AnsweredRow(NamedTuple):
    """A row of the file, and what the model made of it.

    Attributes:
        source, target: as the file has them.
        said: the answer to the source.
        nll: −log p of the target in nats, END counted; ``None`` where it was not measured.
        tokens: how many tokens that is of, END counted.
        right_tokens: how many of these are the likeliest after the truth before them.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    said: tuple[str, ...]
    nll: float | None = None
    tokens: int = 0
    right_tokens: int = 0


class LengthBin(Spec, tag=False):
    """The questions whose sources have from ``shortest`` to ``longest`` symbols."""

    shortest: int
    longest: int
    questions: int
    exact_match: float
    interval: Interval | None


class Confusion(Spec, tag=False):
    """A symbol said for another, how often, and ``of`` how many such gold symbols.

    An empty ``said`` is a symbol left out. An empty ``gold`` is one put in; ``of`` is then all gold symbols.
    """

    gold: str
    said: str
    count: int
    of: int


class Worst(Spec, tag=False):
    """A wrong answer: its texts, its edits to the nearest target, and both side by side, symbol by symbol.

    ``loss`` is −log p of that target in nats, where it was measured.
    """

    source: str
    target: str
    said: str
    edits: int
    loss: float | None
    aligned: list[tuple[str, str]]


class Measures(Spec, tag=False, omit_defaults=True):
    """What was measured of a file's answers. Rates are fractions of 1, BLEU and chrF lie between 0 and 100.

    A *question* is a source. Where it stands on several rows with different targets, it is asked once, and an answer
    that equals any of them is right (as CMUdict is scored: cmusphinx/g2p-seq2seq).

    Attributes:
        rows: rows of the file.
        questions: distinct sources; what ``exact_match`` and ``wer`` are fractions of.
        exact_match: questions answered with a whole target and nothing else.
        wer: 1 − ``exact_match``: each target is a word, as SIGMORPHON counts them.
        per: Σ edits / Σ gold symbols, each answer against its nearest target; more than 1 where answers are far too
            long, ``None`` where the targets have no symbols.
        loss: mean nats a token of all rows whose loss was measured, END counted; ``None`` without any.
        perplexity: exp(loss).
        token_accuracy: tokens that are the likeliest, shown the truth before them.
        intervals: 95 % bootstrap intervals by name, questions being redrawn with all their rows; ``None`` for fewer
            than two questions.
        by_length: accuracy by source length, shortest first.
        confusion: what is said for what, most frequent first.
        worst: the wrong answers with the most edits first, then those with the highest loss.
        bleu, chrf: where they were asked for.
        signatures: how sacrebleu counted them.
    """

    rows: int
    questions: int
    exact_match: float
    wer: float
    per: float | None
    loss: float | None
    perplexity: float | None
    token_accuracy: float | None
    intervals: dict[str, Interval | None]
    by_length: list[LengthBin]
    confusion: list[Confusion]
    worst: list[Worst]
    bleu: float | None = None
    chrf: float | None = None
    signatures: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass
class AnsweredSource:
    """A source, its answer (that of its first row), its targets, and its rows' tokens and nats."""

    source: tuple[str, ...]
    said: tuple[str, ...]
    targets: dict[tuple[str, ...], float | None] = field(default_factory=dict)
    rows: int = 0
    nats: float = 0.0
    tokens: int = 0
    right_tokens: int = 0
    edits: int = 0
    nearest: tuple[str, ...] = ()

    def add(self, row: AnsweredRow) -> None:
        """Take in a row."""
        self.rows += 1
        self.targets.setdefault(row.target, row.nll)
        if row.nll is not None:
            self.nats += row.nll
            self.tokens += row.tokens
            self.right_tokens += row.right_tokens

    def judge(self) -> None:
        """Hold the answer against its targets: the one with the fewest edits counts, of equals the first."""
        self.edits, self.nearest = min(
            ((distance(target, self.said), target) for target in self.targets), key=lambda found: found[0]
        )


def measure(
    rows: Iterable[AnsweredRow],
    *,
    also: Collection[TextMetric] = (),
    source_text: Callable[[Sequence[str]], str] = " ".join,
    target_text: Callable[[Sequence[str]], str] = " ".join,
    worst: int = 20,
    draws: int = DRAWS,
    seed: int = 0,
) -> Measures:
    """Measure the answers to a file's rows, which are read once.

    Args:
        rows: in the file's order.
        also: scores of the joined texts that are wanted besides.
        source_text, target_text: make a text of symbols.
        worst: how many wrong answers are kept.
        draws: how often the questions are redrawn for the intervals.
        seed: of these draws.

    Raises:
        SeqwrightError: there is no row.

    >>> measured = measure([AnsweredRow(("a",), ("b", "c"), ("b", "c")), AnsweredRow(("d",), ("e", "f"), ("e",))])
    >>> measured.wer, measured.per, measured.intervals["wer"]
    (0.5, 0.25, (0.0, 1.0))
    """
    asked = dict[tuple[str, ...], AnsweredSource]()
    for row in rows:
        asked.setdefault(row.source, AnsweredSource(row.source, row.said)).add(row)
    if not asked:
        raise SeqwrightError("there is no row to measure", fix="give a file with at least one")
    questions = list(asked.values())
    for question in questions:
        question.judge()
    found, intervals = _rates(questions, draws, seed)
    texts = [target_text(question.said) for question in questions]
    wanted = [[target_text(target) for target in question.targets] for question in questions]
    scores = {metric: text_score(metric, texts, wanted, draws=draws, seed=seed) for metric in also}
    intervals |= {metric: score.interval for metric, score in scores.items()}
    return Measures(
        rows=sum(question.rows for question in questions),
        questions=len(questions),
        exact_match=sum(not question.edits for question in questions) / len(questions),
        wer=sum(question.edits > 0 for question in questions) / len(questions),
        per=found["per"],
        loss=found["loss"],
        perplexity=found["perplexity"],
        token_accuracy=found["token_accuracy"],
        intervals=intervals,
        by_length=_by_length(questions, draws, seed),
        confusion=_confusion(questions),
        worst=[_worst(question, source_text, target_text) for question in _worst_of(questions, worst)],
        signatures={metric: score.signature for metric, score in scores.items()},
        **{metric: score.score for metric, score in scores.items()},
    )


RATIOS = {
    "exact_match": ("right", "one"),
    "wer": ("wrong", "one"),
    "per": ("edits", "gold"),
    "loss": ("nats", "tokens"),
    "perplexity": ("nats", "tokens"),
    "token_accuracy": ("right_tokens", "tokens"),
}
"""What is measured, as the column whose sum is divided by the sum of another; the perplexity is exp of that."""


def _rates(
    questions: Sequence[AnsweredSource], draws: int, seed: int
) -> tuple[dict[str, float | None], dict[str, Interval | None]]:
    """Every ratio and its interval, all from the same draws."""
    columns = {
        "one": [1 for _ in questions],
        "right": [not question.edits for question in questions],
        "wrong": [question.edits > 0 for question in questions],
        "edits": [question.edits for question in questions],
        "gold": [len(question.nearest) for question in questions],
        "nats": [question.nats for question in questions],
        "tokens": [question.tokens for question in questions],
        "right_tokens": [question.right_tokens for question in questions],
    }
    table = np.array(list(columns.values()), dtype=np.float64).T
    sums = table.sum(0, keepdims=True)
    if len(questions) > 1:
        sums = np.concatenate([sums, resampled(table, draws=draws, seed=seed)])
    at = {name: place for place, name in enumerate(columns)}
    found: dict[str, float | None] = {}
    intervals: dict[str, Interval | None] = {}
    for name, (above, below) in RATIOS.items():
        values = ratios(sums[:, at[above]], sums[:, at[below]])
        if name == "perplexity":
            with np.errstate(over="ignore"):  # that of an absurd loss is infinite
                values = np.exp(values)
        found[name] = float(values[0]) if sums[0, at[below]] else None
        intervals[name] = ends(values[1:])
    return found, intervals


def _by_length(questions: Sequence[AnsweredSource], draws: int, seed: int) -> list[LengthBin]:
    """Ranges of lengths that hold about as many questions each; no length is in two of them."""
    lengths: dict[int, list[bool]] = {}
    for question in questions:
        lengths.setdefault(len(question.source), []).append(question.edits == 0)
    bins: list[LengthBin] = []
    held: list[int] = []
    right: list[bool] = []
    left = len(questions)
    for length in sorted(lengths):
        held.append(length)
        right += lengths[length]
        if len(right) >= left / (BINS - len(bins)):
            among = interval(np.array(right, dtype=np.int64), np.ones(len(right)), draws=draws, seed=seed)
            bins.append(LengthBin(held[0], held[-1], len(right), sum(right) / len(right), among))
            left -= len(right)
            held, right = [], []
    return bins


def _confusion(questions: Sequence[AnsweredSource]) -> list[Confusion]:
    """The most frequent confusions, of equals the first in the order of their symbols."""
    gold = Counter(symbol for question in questions for symbol in question.nearest)
    counts = Counter(
        pair for question in questions if question.edits for pair in confusions(question.nearest, question.said)
    )
    frequent = sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:CONFUSIONS]
    every = gold.total()
    return [Confusion(wanted, said, count, gold[wanted] if wanted else every) for (wanted, said), count in frequent]


def _worst_of(questions: Sequence[AnsweredSource], most: int) -> list[AnsweredSource]:
    """The wrong answers with the most edits, of equals those of the highest loss, of equals the first."""
    wrong = (question for question in questions if question.edits)
    return nlargest(most, wrong, key=lambda question: (question.edits, question.targets[question.nearest] or 0.0))


def _worst(
    question: AnsweredSource, source_text: Callable[[Sequence[str]], str], target_text: Callable[[Sequence[str]], str]
) -> Worst:
    return Worst(
        source=source_text(question.source),
        target=target_text(question.nearest),
        said=target_text(question.said),
        edits=question.edits,
        loss=question.targets[question.nearest],
        aligned=aligned(question.nearest, question.said),
    )
