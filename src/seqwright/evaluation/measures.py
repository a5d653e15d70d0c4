"""Measures of a model's answers to the rows of a file."""

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
"""The greatest number of ranges of source lengths."""

CONFUSIONS = 50
"""The greatest number of pairs of confused symbols."""


class AnsweredRow(NamedTuple):
    """A row of the file, and the model's predictions for it.

    Attributes:
        source, target: as the file has them.
        answer: the generated answer to the source.
        nll: −log p of the target in nats, without symbols that the vocabulary lacks; ``None`` where it was not measured.
        tokens: the number of tokens of ``nll``, END counted.
        correct_tokens: the number of these that have the highest probability under teacher forcing.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    answer: tuple[str, ...]
    nll: float | None = None
    tokens: int = 0
    correct_tokens: int = 0


class LengthBin(Spec, tag=False):
    """The sources that have from ``shortest`` to ``longest`` symbols."""

    shortest: int
    longest: int
    sources: int
    exact_match: float
    interval: Interval | None


class Confusion(Spec, tag=False):
    """A predicted symbol in place of another, with the number of cases, ``of`` so many such gold symbols.

    An empty ``predicted`` is a deletion. An empty ``gold`` is an insertion; ``of`` is then the number of all gold symbols.
    """

    gold: str
    predicted: str
    count: int
    of: int


class Worst(Spec, tag=False):
    """A wrong answer: its texts, its edits to the nearest target, and the alignment of both.

    ``loss`` is −log p of that target in nats, where it was measured.
    """

    source: str
    target: str
    answer: str
    edits: int
    loss: float | None
    aligned: list[tuple[str, str]]


class Measures(Spec, tag=False, omit_defaults=True):
    """Measures of the answers to a file. Rates are fractions of 1, BLEU and chrF lie between 0 and 100.

    A source that has several rows with different targets counts once, and an answer that equals any of the targets is
    correct (as CMUdict is scored: cmusphinx/g2p-seq2seq).

    Attributes:
        rows: the number of rows of the file.
        sources: the number of distinct sources, of which ``exact_match`` and ``wer`` are fractions.
        exact_match: sources whose answer is exactly a target.
        wer: 1 − ``exact_match``: each target is a word, as SIGMORPHON counts them.
        per: Σ edits / Σ gold symbols, each answer against its nearest target; more than 1 where answers are far too
            long, ``None`` where the targets have no symbols.
        loss: mean nats per token of all rows whose loss was measured, END counted and unknown symbols not; ``None`` without
            any.
        perplexity: exp(loss).
        token_accuracy: tokens with the highest probability under teacher forcing, of all tokens, unknown symbols counted.
        intervals: 95 % bootstrap intervals by name, over resampled sources with all their rows; ``None`` for fewer than
            two sources.
        by_length: accuracy by source length, shortest first.
        confusion: the confusions of symbols, most frequent first.
        worst: the wrong answers with the most edits first, then those with the highest loss.
        bleu, chrf: where requested.
        signatures: sacrebleu's signatures of these.
    """

    rows: int
    sources: int
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
    """A source, its answer (that of its first row), its targets, and the sums over its rows."""

    source: tuple[str, ...]
    answer: tuple[str, ...]
    targets: dict[tuple[str, ...], float | None] = field(default_factory=dict)
    rows: int = 0
    nll: float = 0.0
    tokens: int = 0
    target_tokens: int = 0
    correct_tokens: int = 0
    edits: int = 0
    nearest: tuple[str, ...] = ()

    def add(self, row: AnsweredRow) -> None:
        """Add a row."""
        self.rows += 1
        self.targets.setdefault(row.target, row.nll)
        if row.nll is not None:
            self.nll += row.nll
            self.tokens += row.tokens
            self.target_tokens += len(row.target) + 1
            self.correct_tokens += row.correct_tokens

    def judge(self) -> None:
        """Find the target with the fewest edits, of equals the first."""
        self.edits, self.nearest = min(
            ((distance(target, self.answer), target) for target in self.targets), key=lambda found: found[0]
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
        also: further scores, of the joined texts.
        source_text, target_text: functions from symbols to text.
        worst: the greatest number of wrong answers to keep.
        draws: the number of resamples for the intervals.
        seed: the resamples' seed.

    Raises:
        SeqwrightError: there is no row.

    >>> measured = measure([AnsweredRow(("a",), ("b", "c"), ("b", "c")), AnsweredRow(("d",), ("e", "f"), ("e",))])
    >>> measured.wer, measured.per, measured.intervals["wer"]
    (0.5, 0.25, (0.0, 1.0))
    """
    by_source = dict[tuple[str, ...], AnsweredSource]()
    for row in rows:
        by_source.setdefault(row.source, AnsweredSource(row.source, row.answer)).add(row)
    if not by_source:
        raise SeqwrightError("there is no row to measure", fix="give a file with at least one")
    sources = list(by_source.values())
    for source in sources:
        source.judge()
    found, intervals = _rates(sources, draws, seed)
    texts = [target_text(source.answer) for source in sources]
    targets = [[target_text(target) for target in source.targets] for source in sources]
    scores = {metric: text_score(metric, texts, targets, draws=draws, seed=seed) for metric in also}
    intervals |= {metric: score.interval for metric, score in scores.items()}
    return Measures(
        rows=sum(source.rows for source in sources),
        sources=len(sources),
        intervals=intervals,
        by_length=_by_length(sources, draws, seed),
        confusion=_confusion(sources),
        worst=[_worst(source, source_text, target_text) for source in _worst_of(sources, worst)],
        signatures={metric: score.signature for metric, score in scores.items()},
        **found,  # pyright: ignore[reportArgumentType]  # every source counts, so that rates of sources exist
        **{metric: score.score for metric, score in scores.items()},
    )


RATIOS = {
    "exact_match": ("correct", "one"),
    "wer": ("wrong", "one"),
    "per": ("edits", "gold"),
    "loss": ("nll", "tokens"),
    "perplexity": ("nll", "tokens"),
    "token_accuracy": ("correct_tokens", "target_tokens"),
}
"""The measures that are ratios of two columns' sums; the perplexity is exp of its ratio."""


def _rates(
    sources: Sequence[AnsweredSource], draws: int, seed: int
) -> tuple[dict[str, float | None], dict[str, Interval | None]]:
    """Return every ratio and its interval, all from the same resamples."""
    columns = {
        "one": [1 for _ in sources],
        "correct": [not source.edits for source in sources],
        "wrong": [source.edits > 0 for source in sources],
        "edits": [source.edits for source in sources],
        "gold": [len(source.nearest) for source in sources],
        "nll": [source.nll for source in sources],
        "tokens": [source.tokens for source in sources],
        "target_tokens": [source.target_tokens for source in sources],
        "correct_tokens": [source.correct_tokens for source in sources],
    }
    table = np.array(list(columns.values()), dtype=np.float64).T
    sums = table.sum(0, keepdims=True)
    if len(sources) > 1:
        sums = np.concatenate([sums, resampled(table, draws=draws, seed=seed)])
    at = {name: index for index, name in enumerate(columns)}
    found: dict[str, float | None] = {}
    intervals: dict[str, Interval | None] = {}
    for name, (above, below) in RATIOS.items():
        values = ratios(sums[:, at[above]], sums[:, at[below]])
        if name == "perplexity":
            with np.errstate(over="ignore"):  # infinite for a very high loss
                values = np.exp(values)
        found[name] = float(values[0]) if sums[0, at[below]] else None
        intervals[name] = ends(values[1:])
    return found, intervals


def _by_length(sources: Sequence[AnsweredSource], draws: int, seed: int) -> list[LengthBin]:
    """Divide the sources into ranges of lengths, with about as many sources each; no length is in two of them."""
    lengths: dict[int, list[bool]] = {}
    for source in sources:
        lengths.setdefault(len(source.source), []).append(source.edits == 0)
    bins: list[LengthBin] = []
    held: list[int] = []
    correct: list[bool] = []
    left = len(sources)
    for length in sorted(lengths):
        held.append(length)
        correct += lengths[length]
        if len(correct) >= left / (BINS - len(bins)):
            ends_of = interval(np.array(correct, dtype=np.int64), np.ones(len(correct)), draws=draws, seed=seed)
            bins.append(LengthBin(held[0], held[-1], len(correct), sum(correct) / len(correct), ends_of))
            left -= len(correct)
            held, correct = [], []
    return bins


def _confusion(sources: Sequence[AnsweredSource]) -> list[Confusion]:
    """Return the most frequent confusions, of equals the first in the order of their symbols."""
    gold = Counter(symbol for source in sources for symbol in source.nearest)
    counts = Counter(pair for source in sources if source.edits for pair in confusions(source.nearest, source.answer))
    frequent = sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:CONFUSIONS]
    every = gold.total()
    return [Confusion(before, after, count, gold[before] if before else every) for (before, after), count in frequent]


def _worst_of(sources: Sequence[AnsweredSource], most: int) -> list[AnsweredSource]:
    """Return the wrong answers with the most edits, of equals those of the highest loss, of equals the first."""
    wrong = (source for source in sources if source.edits)
    return nlargest(most, wrong, key=lambda source: (source.edits, source.targets[source.nearest] or 0.0))


def _worst(
    source: AnsweredSource, source_text: Callable[[Sequence[str]], str], target_text: Callable[[Sequence[str]], str]
) -> Worst:
    return Worst(
        source=source_text(source.source),
        target=target_text(source.nearest),
        answer=target_text(source.answer),
        edits=source.edits,
        loss=source.targets[source.nearest],
        aligned=aligned(source.nearest, source.answer),
    )
