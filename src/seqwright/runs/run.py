"""A trained run, to ask and to measure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from seqwright.core.errors import SeqwrightError, TooLongError
from seqwright.data.batching import PairExamples
from seqwright.data.corpus import Corpus, TextCorpus
from seqwright.data.text import Consecutive, TextVocabulary
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.decoding import DecodingSpec
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.request import Hypothesis
from seqwright.decoding.stream import answer_stream
from seqwright.evaluation.likelihood import token_likelihoods
from seqwright.evaluation.measures import AnsweredRow, Measures, measure
from seqwright.evaluation.metrics import TextMetric
from seqwright.evaluation.text import TextMeasures, measure_text
from seqwright.models.transformer import Transformer
from seqwright.nn.embedding import TokenEmbedding
from seqwright.runs.attention import attention_of
from seqwright.runs.compatibility import stretch_length
from seqwright.runs.folder import Manifest, RunFolder
from seqwright.runs.training_run import Weights
from seqwright.training.checkpoint import load_weights, read_checkpoint
from seqwright.viewer.limits import generation_limit
from seqwright.viewer.page import Pass
from seqwright.viewer.selection import Selection

LINE_END = ("\n",)


@dataclass(frozen=True)
class Prediction:
    """One answer as text.

    Attributes:
        text: the answer; to a prompt, what follows it.
        score: what answers are ranked by; a beam's is normalised by length.
        log_probability: ln p of its symbols and of its end.
        stopped: whether it ended by itself.
    """

    text: str
    score: float
    log_probability: float
    stopped: bool


class Run:
    """A trained model, and how its data is read and written.

    Made by :func:`seqwright.load` or :func:`seqwright.train`.
    """

    def __init__(self, folder: RunFolder, manifest: Manifest, model: Transformer, device: str) -> None:
        self.folder, self.manifest, self.model, self.device = folder, manifest, model, device
        symbols = folder.symbols()
        self.continues = model.encoder is None
        self.vocabulary = TextVocabulary(symbols) if self.continues else Vocabulary(symbols, manifest.recipe.sources)
        self.reading = manifest.reading
        self.unknown: dict[str, int] = {}

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    def predict(
        self, questions: Iterable[str], decoder: DecodingSpec | None = None, *, seed: int = 0, limit: int | None = None
    ) -> list[str]:
        """The best answer to each question (a source, or a prompt), in order; see :meth:`answers`."""
        return [found[0].text for found in self.answers(questions, decoder, seed=seed, limit=limit)]

    def answers(
        self,
        questions: Iterable[str],
        decoder: DecodingSpec | None = None,
        *,
        seed: int = 0,
        limit: int | None = None,
        window: int = 4096,
    ) -> Iterator[list[Prediction]]:
        """Each question's answers, best first, in order and as they come: a million questions need no more memory.

        Symbols that training never showed are left out of a question, and counted in :attr:`unknown`.

        Args:
            questions: as training's sources were written.
            decoder: how answers are chosen; greedily if left out.
            seed: what sampling draws from.
            limit: how many tokens an answer may have; as the run says if left out.
            window: how many questions are read before the first is answered.
        """
        sources = (self.reading.question(question) for question in questions)
        return self.answers_to(sources, decoder, seed=seed, limit=limit, window=window)

    def answers_to(
        self,
        sources: Iterable[tuple[str, ...] | None],
        decoder: DecodingSpec | None = None,
        *,
        seed: int = 0,
        limit: int | None = None,
        window: int = 4096,
    ) -> Iterator[list[Prediction]]:
        """The same for sources that are symbols already; ``None`` where the next has yet to come."""
        known = (None if source is None else self._known(source) for source in sources)
        generator = torch.Generator().manual_seed(seed)
        for found in self._ask(known, decoder or Greedy(), generator, limit or self.manifest.limit, window):
            yield [self._prediction(hypothesis) for hypothesis in found]

    def ask(self, sources: Iterable[tuple[str, ...]], decoder: DecodingSpec | None = None) -> Iterator[tuple[str, ...]]:
        """The best answer to each source, in symbols."""
        known = (self._known(source) for source in sources)
        for found in self._ask(known, decoder or Greedy(), None, self.manifest.limit, 4096):
            yield self.vocabulary.spelt(found[0].ids)

    def evaluate(
        self, path: Path | str, decoder: DecodingSpec | None = None, *, also: Collection[TextMetric] = ()
    ) -> Measures | TextMeasures:
        """How well the model answers the rows of a file that is written as its training data was.

        Symbols that training never showed are left out of sources, and of targets when the loss is measured; an answer
        is right only if it is the whole target all the same.
        """
        if self.continues:
            return self._evaluate_text(Path(path))
        corpus = Corpus.read(path, self.reading)
        shown = [self.vocabulary.known_pair(pair) for pair in corpus]
        seen = token_likelihoods(
            self.model, PairExamples(shown, self.vocabulary), ignore=self.vocabulary.pad, device=self.device
        )
        said = self.ask((pair.source for pair in corpus), decoder)
        rows = (
            AnsweredRow(pair.source, pair.target, answer, float(nats), int(tokens), int(guessed))
            for pair, answer, nats, tokens, guessed in zip(
                corpus, said, seen.nats, seen.tokens, seen.guessed, strict=True
            )
        )
        return measure(rows, also=also, source_text=self.reading.source.join, target_text=self.reading.answer)

    def _evaluate_text(self, path: Path) -> TextMeasures:
        corpus = TextCorpus.read(path, self.reading)
        assert isinstance(self.vocabulary, TextVocabulary), "a run that continues text has one"
        known = self.vocabulary.numbers(corpus.symbols, corpus.ids)
        examples = Consecutive(known, stretch_length(self.manifest.recipe), self.vocabulary.pad)
        return measure_text(token_likelihoods(self.model, examples, ignore=self.vocabulary.pad, device=self.device))

    def attention(
        self,
        question: str,
        answer: str | None = None,
        *,
        decoder: DecodingSpec | None = None,
        limit: int | None = None,
        layers: Iterable[int] | None = None,
        heads: Iterable[int] | None = None,
        name: str = "",
    ) -> Pass:
        """What the model attends to while it reads a question and says the answer: something to look at (``.html(path)``).

        Args:
            question: a source, or a text to be continued.
            answer: what it is made to say; left out, a source's answer is generated, and a text is read as it stands.
            decoder: how an answer is chosen; greedily if left out.
            limit: how many tokens are generated; a text is continued only where this or ``decoder`` is given.
            layers, heads: which ones, counted from 0; all if left out.
            name: what the pass is called beside another; the question if left out.

        Raises:
            SeqwrightError: there is no such layer or head, or the sequences are too long for the model or for a page.
        """
        asked = self._known(self.reading.question(question))
        self.check_length(asked, "")
        said, stopped, cut = [], False, ""
        if answer is not None:
            symbols = self.reading.target.split(self.reading.normalisation.apply(answer))
            self._count_unknown(symbols)
            said, stopped = self.vocabulary.encode(self.vocabulary.known(symbols)), True
        elif not self.continues or decoder is not None or limit is not None:
            most, cut = generation_limit(
                self._places, len(asked) - 1 if self.continues else 0, limit or self.manifest.limit
            )
            ((best, *_),) = self._ask([asked], decoder or Greedy(), None, most, 1)
            said, stopped = list(best.ids), best.stopped
        labels = [*said, self.vocabulary.end] if stopped and not self.continues else said
        before = self.vocabulary.encode(asked) if self.continues else [self.vocabulary.start]
        seen = attention_of(
            self.model,
            self.manifest.recipe.model,
            self.vocabulary,
            None if self.continues else self.vocabulary.source(asked),
            [*before, *(labels[:-1])],
            labels,
            selection=Selection.of(layers, heads),
            forbidden=self._never,
            name=name or question,
            model_name=self.path.name,
        )
        return replace(seen, note=f"{cut} {seen.note}".strip())

    @property
    def _places(self) -> int | None:
        """How many tokens the decoder can look at together."""
        return stretch_length(self.manifest.recipe) if self.continues else self.model.spec.decoder.position.max_length

    @property
    def _never(self) -> tuple[int, ...]:
        """The symbols that are never said."""
        return (self.vocabulary.start, self.vocabulary.end) if self.continues else (self.vocabulary.start,)

    def _ask(
        self,
        sources: Iterable[tuple[str, ...] | None],
        decoder: DecodingSpec,
        generator: torch.Generator | None,
        limit: int,
        window: int,
    ) -> Iterator[list[Hypothesis]]:
        return answer_stream(
            self.model,
            self.vocabulary,
            sources,
            decoder,
            limit=limit,
            window=window,
            generator=generator,
            device=self.device,
            forbidden=self._never,
            context=stretch_length(self.manifest.recipe) if self.continues else None,
        )

    def _known(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        self._count_unknown(symbols)
        known = self.vocabulary.known(symbols)
        if self.continues and not known:
            known = self.vocabulary.known(LINE_END)  # a prompt of nothing begins as a line does
            if not known:
                raise SeqwrightError("a prompt has no symbol that training showed", fix="begin with one that it did")
        return known

    def _count_unknown(self, symbols: Iterable[str]) -> None:
        for symbol in self.vocabulary.unknown(symbols):
            self.unknown[symbol] = self.unknown.get(symbol, 0) + 1

    def check_length(self, symbols: tuple[str, ...], where: str) -> None:
        """Whether a source can be read at all.

        Raises:
            SeqwrightError: it is longer than the model's learned positions.
        """
        places = None if self.model.spec.encoder is None else self.model.spec.encoder.position.max_length
        length = len(symbols) + len(self.vocabulary.source(()))
        if places is not None and length > places:
            raise TooLongError(
                f"a source of {length} tokens, and the model has {places} positions",
                where=where,
                fix="shorten it, or train with a greater length or with RotaryPosition",
            )

    def _prediction(self, hypothesis: Hypothesis) -> Prediction:
        text = self.reading.answer(self.vocabulary.spelt(hypothesis.ids))
        return Prediction(text, hypothesis.score, hypothesis.log_probability, hypothesis.stopped)


_TOGETHER = "the files of a run belong together"


def load(path: Path | str, *, device: str = "cpu") -> Run:
    """A run from its folder, with the best weights that it found.

    Raises:
        SeqwrightError: the folder is no run, is damaged, or has not come to its first evaluation.
    """
    folder = RunFolder.existing(path)
    manifest, spec = folder.manifest(), folder.model()
    if not folder.best.exists():
        raise SeqwrightError(
            "this run has not come to its first evaluation, so there are no weights yet",
            where=str(path),
            fix=f"go on with seqwright train --resume {path}",
        )
    if spec != manifest.recipe.model:
        raise SeqwrightError("is not the model that run.json speaks of", where=str(folder.model_file), fix=_TOGETHER)
    symbols = Vocabulary(folder.symbols())
    if not isinstance(spec.embedding, TokenEmbedding) or symbols.size != spec.embedding.vocabulary:
        raise SeqwrightError("is not the vocabulary of this model", where=str(folder.vocabulary_file), fix=_TOGETHER)
    with torch.device("meta"):  # shapes are compared before any memory is taken
        model = spec.checked().build()
    tensors, _ = read_checkpoint(folder.best, Weights)
    load_weights(model, tensors, folder.best)
    return Run(folder, manifest, model.to(device).eval(), device)
