"""Transduction: answering a source sequence with a target sequence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Model, Side
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens
from seqwright.data.batching import Examples, PairExamples, RandomStretches
from seqwright.data.corpus import Corpus, CorpusExamples
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.vocabulary import MarkedSources, SourceMarks, StoredVocabulary, Vocabulary
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.stream import answer_stream
from seqwright.evaluation.likelihood import token_likelihoods
from seqwright.evaluation.measures import AnsweredRow, Measures, measure
from seqwright.evaluation.metrics import TextMetric
from seqwright.goals.data import HELD_OUT, MOST_HELD_OUT, Measured, PreparedData, Split
from seqwright.goals.default_recipes import pair_recipe
from seqwright.goals.goal import ForcedSequence, Goal
from seqwright.goals.recipe import Recipe
from seqwright.goals.trained import Prediction, TrainedModel


class Transduction(Spec, Goal):
    """Pairs of sequences: a model that reads a source generates its target.

    Attributes:
        sources: the marks around a source.
    """

    prompt_side: ClassVar[Side] = "source"
    has_targets: ClassVar[bool] = True
    sources: SourceMarks = MarkedSources()

    def read(self, preprocessing: Preprocessing, path: Path) -> Corpus:
        return Corpus.read(path, preprocessing)

    def hold_out(self, corpus: Corpus, seed: int) -> tuple[Corpus, Corpus]:
        """Divide pairs so that no source is on both sides."""
        train, dev = corpus.split(HELD_OUT, MOST_HELD_OUT, seed)
        if not len(dev) or not len(train):
            raise SeqwrightError(
                "there are too few different sources to hold any out",
                where=corpus.where,
                fix="give a dev file with --dev (for a first try it may be the training file itself)",
            )
        return train, dev

    def vocabulary(self, symbols: StoredVocabulary) -> Vocabulary:
        return Vocabulary.from_stored(symbols, self.sources)

    def default_recipe(self, split: Split) -> Recipe:
        sources, targets = split.train.lengths()
        symbols_per_row = float(sources.mean() + targets.mean() + 2)
        return pair_recipe(self, len(split.train), symbols_per_row, self.vocabulary(split.train.vocabulary))

    def train_examples(self, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return CorpusExamples(corpus, vocabulary)

    def eval_examples(self, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return PairExamples([vocabulary.known_pair(pair) for pair in corpus], vocabulary)

    def limit(self, recipe: Recipe, split: Split) -> int:
        """Return twice the length of the longest target, and no more than the model's maximum length."""
        longest = 2 * (int(split.train.lengths()[1].max()) + 1)
        return min(longest, recipe.model.max_length("target") or longest)

    def problems(self, recipe: Recipe, split: Split) -> Iterator[SeqwrightError]:
        if not recipe.model.reads_source:
            yield SeqwrightError(
                "pairs need a model that reads a source: an encoder, and a decoder with cross-attention",
                fix="leave them in, or train on running text with --text",
            )
        if isinstance(recipe.batching, RandomStretches):
            yield SeqwrightError("batching=RandomStretches is for running text", fix='give {"type": "TokenBatches", …}')
        yield from super().problems(recipe, split)
        marks = {"source": len(self.sources.framed([], 0, 0)), "target": 1}
        for corpus in (split.train, split.dev):
            for side, lengths in zip(("source", "target"), corpus.lengths(), strict=True):
                length, longest = int(lengths.max()) + marks[side], recipe.model.max_length(side)
                if longest is not None and length > longest:
                    yield SeqwrightError(
                        f"row {int(np.argmax(lengths)) + 1} has a {side} of {length} tokens, and the model has"
                        f" {longest} positions",
                        where=corpus.where,
                        fix="give its positions a greater length, use RotaryPosition, or leave such rows out",
                    )

    def notes(self, split: Split, vocabulary: Vocabulary) -> list[str]:
        found, shared = [], split.train.overlap(split.dev)
        if shared:
            found.append(f"{shared:,} of the {len(split.dev):,} dev rows are also in train; dev figures flatter")
        unknown = {
            symbol
            for pair in split.dev
            for side, symbols in zip(("source", "target"), pair, strict=True)
            for symbol in vocabulary.unknown(symbols, side)
        }
        if unknown:
            found.append(f"symbols of the dev rows that the training rows lack: {' '.join(sorted(unknown)[:20])}")
        return found

    def evaluate(self, model: Model, data: PreparedData, rows: int, device: str) -> Measured:
        """Measure the loss of all dev rows, and the exact match of greedy answers to at most ``rows`` different sources.

        An answer is correct if it equals any of the targets that the dev rows have for its source.
        """
        loss = super().evaluate(model, data, rows, device).loss
        targets: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for source, target in data.split.dev:
            targets.setdefault(source, set()).add(target)
        sources = list(islice(targets, rows))
        vocabulary = data.vocabulary
        answers = answer_stream(
            model, vocabulary, (vocabulary.known(source, "source") for source in sources), Greedy(), limit=data.limit,
            forbidden=vocabulary.forbidden, device=device,
        )  # fmt: skip
        correct = sum(
            best.stopped and vocabulary.decode(best.ids) in targets[source]
            for source, (best, *_) in zip(sources, answers, strict=True)
        )
        return Measured(loss, correct / len(sources), len(sources))

    def measure(
        self, trained: TrainedModel, path: Path, decoding: Decoding | None, also: Collection[TextMetric]
    ) -> Measures:
        """Evaluate answers to the sources of a file, and the likelihood of its targets.

        Symbols that the vocabulary lacks are left out of sources, and of targets when the loss is measured; an answer is
        correct only if it is the whole target.
        """
        corpus = self.read(trained.reading, path)
        for pair in corpus:
            trained.known(pair.target, "target")
        examples = self.eval_examples(corpus, trained.vocabulary, trained.recipe)
        seen = token_likelihoods(trained.model, examples, ignore=trained.vocabulary.pad, device=trained.device)
        answers = trained.best((pair.source for pair in corpus), decoding)
        rows = (
            AnsweredRow(pair.source, pair.target, answer, float(nats), int(tokens), int(guessed))
            for pair, answer, nats, tokens, guessed in zip(
                corpus, answers, seen.nll, seen.tokens, seen.correct, strict=True
            )
        )
        reading = trained.reading
        return measure(rows, also=also, source_text=reading.source.join, target_text=reading.target_text)

    def forced(
        self, vocabulary: Vocabulary, prompt: Sequence[str], answer: Sequence[int], *, ended: bool
    ) -> ForcedSequence:
        labels = [*answer, vocabulary.end] if ended else list(answer)
        return ForcedSequence(vocabulary.encode_source(prompt), [vocabulary.start, *labels[:-1]], labels)

    def lines(self, prompt: str, answers: Sequence[Prediction], *, scores: bool) -> Iterator[str]:
        for rank, answer in enumerate(answers, 1):
            line = f"{_cell(prompt)}\t{_cell(answer.text)}"
            yield f"{line}\t{rank}\t{answer.score:.4f}" if scores else line

    def example_rows(self, trained: TrainedModel, path: Path, rows: int, length: int) -> dict[str, Tensor]:
        vocabulary = trained.vocabulary
        pairs = [vocabulary.known_pair(pair) for pair in islice(self.read(trained.reading, path), rows)]
        batch, pad = vocabulary.batch(pairs), vocabulary.pad
        targets = [[vocabulary.start, *(each for each in labels if each != pad)] for labels in batch.labels.tolist()]
        assert batch.source is not None
        return {"source": batch.source.ids, "target": Tokens.of(targets, pad=pad).ids}


def _cell(text: str) -> str:
    r"""Return a text as one cell of one line: tabs and line ends as ``\t`` and ``\n`` (``--jsonl`` has texts exactly)."""
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
