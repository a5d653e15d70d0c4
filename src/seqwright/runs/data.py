"""What a run learns from, and how it is asked while it learns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from seqwright.core.errors import SeqwrightError
from seqwright.data.batching import Examples, PairExamples
from seqwright.data.corpus import Corpus, CorpusExamples
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.text import ConsecutiveChunks, RandomChunks, TextCorpus, TextVocabulary
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.stream import answer_stream
from seqwright.evaluation.likelihood import token_likelihoods
from seqwright.models.transformer import Transformer

HELD_OUT = 0.1
"""The part of the data that becomes dev rows where no dev file is given."""

MOST_HELD_OUT = 1000
"""How many dev rows are held out at most."""


@dataclass(frozen=True)
class Measured:
    """An evaluation.

    Attributes:
        loss: mean nats a token.
        exact_match: the fraction of dev rows answered exactly; ``None`` where none is asked.
        rows: how many were asked.
    """

    loss: float
    exact_match: float | None
    rows: int

    def line(self) -> dict[str, float]:
        """As a line of ``metrics.jsonl`` has it."""
        found = {"dev_loss": self.loss}
        return found if self.exact_match is None else found | {"dev_exact_match": self.exact_match}

    def rivals(self, highest: float) -> bool:
        """Whether its exact match lies within one standard error of the highest one.

        >>> Measured(0.5, 0.70, rows=100).rivals(0.74), Measured(0.5, 0.70, rows=1000).rivals(0.74)
        (True, False)
        """
        assert self.exact_match is not None, "there is none to compare"
        return self.exact_match >= highest - (highest * (1 - highest) / self.rows) ** 0.5


@runtime_checkable
class Data(Protocol):
    """What a run learns from.

    Attributes:
        train: what is trained on.
        vocabulary: its symbols, and how they are numbered.
        reading: how it was read, with what its first line decided.
        summary: what was read, a line each, for people to check.
        fingerprints: of the training and of the dev rows.
        limit: how many tokens an answer may have.
    """

    train: Examples
    reading: Preprocessing
    limit: int
    summary: list[str]
    fingerprints: tuple[str, str]

    @property
    def vocabulary(self) -> Vocabulary: ...

    def evaluate(self, model: Transformer, rows: int, device: str) -> Measured:
        """Show a model all dev rows, and ask it at most ``rows`` of them."""
        ...


class PairData:
    """Sources and targets."""

    def __init__(self, train: Corpus, dev: Corpus, vocabulary: Vocabulary, limit: int, *, held_out: bool) -> None:
        self.vocabulary, self.reading = vocabulary, train.preprocessing
        self.pairs, self.dev, self.limit = train, dev, limit
        self.train: Examples = CorpusExamples(train, self.vocabulary)
        self.fingerprints = (train.fingerprint, dev.fingerprint)
        self.summary = _read_from(train, dev)
        if held_out:
            self.summary[1] += " (held out; no source is on both sides)"
        shared = train.overlap(dev)
        if shared:
            self.summary.append(f"note: {shared:,} of the {len(dev):,} dev rows are also in train; dev figures flatter")
        foreign = {symbol for pair in dev for side in pair for symbol in self.vocabulary.unknown(side)}
        if foreign:
            self.summary.append(f"note: symbols in dev that train never shows: {' '.join(sorted(foreign)[:20])}")

    def evaluate(self, model: Transformer, rows: int, device: str) -> Measured:
        shown = [self.vocabulary.known_pair(pair) for pair in self.dev]
        loss = token_likelihoods(
            model, PairExamples(shown, self.vocabulary), ignore=self.vocabulary.pad, device=device
        ).loss
        asked = [self.dev[index] for index in range(min(rows, len(self.dev)))]
        answers = answer_stream(
            model,
            self.vocabulary,
            (pair.source for pair in shown[: len(asked)]),
            Greedy(),
            limit=self.limit,
            forbidden=(self.vocabulary.start,),
            device=device,
        )
        said = [self.vocabulary.decode(best[0].ids) if best[0].stopped else None for best in answers]
        right = sum(answer == pair.target for answer, pair in zip(said, asked, strict=True))
        return Measured(loss, right / len(asked), len(asked))


def _read_from(train: Corpus | TextCorpus, dev: Corpus | TextCorpus) -> list[str]:
    """What was read, and what would read better."""
    hint = train.hint()
    told = [f"train: {train.statistics().summary()}", f"dev: {dev.statistics().summary()}"]
    return told + ([f"hint: {hint}"] if hint else [])


class TextData:
    """Running text, of which a model reads ``length`` tokens at once."""

    def __init__(self, train: TextCorpus, dev: TextCorpus, vocabulary: TextVocabulary, length: int) -> None:
        self.vocabulary, self.reading = vocabulary, train.preprocessing
        ids = [vocabulary.encode_text(corpus.symbols, corpus.ids) for corpus in (train, dev)]
        for corpus, known in zip((train, dev), ids, strict=True):
            if len(known) <= length:
                raise SeqwrightError(
                    f"{len(known):,} known symbols are too few: a model reads {length} at once and is asked for one more",
                    where=corpus.where,
                    fix=f"give more text, or --set batching.length={max(1, len(known) // 2)}",
                )
        self.train: Examples = RandomChunks(ids[0], length)
        self.dev = ConsecutiveChunks(ids[1], length, vocabulary.pad)
        self.fingerprints = (train.fingerprint, dev.fingerprint)
        self.summary = _read_from(train, dev)
        self.limit = 500

    def evaluate(self, model: Transformer, rows: int, device: str) -> Measured:
        """Show a model the dev text."""
        return Measured(token_likelihoods(model, self.dev, ignore=self.vocabulary.pad, device=device).loss, None, 0)


def read_pairs(reading: Preprocessing, path: Path, dev: Path | None, seed: int) -> tuple[Corpus, Corpus]:
    """Read pairs to learn from; without a dev file, some rows are held out, no source on both sides.

    Raises:
        SeqwrightError: see :meth:`Corpus.read`; or there are too few different sources to hold any out.
    """
    corpus = Corpus.read(path, reading)
    if dev is not None:
        return corpus, Corpus.read(dev, corpus.preprocessing)
    train, held = corpus.split(HELD_OUT, MOST_HELD_OUT, seed)
    if not len(held) or not len(train):
        raise SeqwrightError(
            "there are too few different sources to hold any out",
            where=str(path),
            fix="give a dev file with --dev (for a first try it may be the training file itself)",
        )
    return train, held


def read_text(reading: Preprocessing, path: Path, dev: Path | None) -> tuple[TextCorpus, TextCorpus]:
    """Read running text to learn from; without a dev file, its last tenth is held out."""
    corpus = TextCorpus.read(path, reading)
    return (corpus, TextCorpus.read(dev, reading)) if dev is not None else corpus.split(HELD_OUT)
