"""A goal of training: the place in a recipe that decides on data, evaluation and prompts.

Training, runs, the command line and the doctor know no goal by its name: everything that differs between, say, answering
sources and continuing a text is a method of :class:`Goal`. A goal of one's own inherits from :class:`Spec` and from `Goal`, or
from an existing goal whose data it shares, and overrides what differs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError, TooLongError
from seqwright.core.model import Model, Side
from seqwright.core.place import Place
from seqwright.core.spec import diff
from seqwright.data.batching import Examples
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.vocabulary import StoredVocabulary, Vocabulary
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.request import Hypothesis
from seqwright.decoding.stream import answer_stream
from seqwright.evaluation.likelihood import token_likelihoods
from seqwright.evaluation.measures import Measures
from seqwright.evaluation.metrics import TextMetric
from seqwright.evaluation.text import TextMeasures, measure_text
from seqwright.goals.data import Measured, PreparedData, Split

if TYPE_CHECKING:
    from seqwright.goals.recipe import Recipe
    from seqwright.goals.trained import Prediction, TrainedModel


@dataclass(frozen=True)
class ForcedSequence:
    """A prompt and an answer as one pass of a model reads them (teacher forcing).

    Attributes:
        source: the ids that an encoder reads, or ``None``.
        inputs: the ids that the decoder reads.
        labels: the ids that are predicted at the last ``len(labels)`` inputs.
    """

    source: list[int] | None
    inputs: list[int]
    labels: list[int]


class Goal(Place):
    """A goal of training.

    Attributes:
        reads_text: whether the data is running text; otherwise it is pairs.
        prompt_side: the side that prompts are on.
        has_targets: whether a prompt has a known answer of its own, which ends with END. Such answers are generated and
            matched in evaluations. Otherwise a goal is evaluated by its loss alone.
        named_recipes: edits of the default recipe by name, for ``--model NAME``.
    """

    __slots__ = ()
    reads_text: ClassVar[bool] = False
    prompt_side: ClassVar[Side] = "target"
    has_targets: ClassVar[bool] = False
    named_recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    # ------------------------------------------------------------------ data and recipe

    @abstractmethod
    def read(self, preprocessing: Preprocessing, path: Path) -> Any:
        """Read a file as a corpus of the goal's kind (see :class:`Split`).

        Raises:
            SeqwrightError: the file cannot be used, with the line.
        """

    @abstractmethod
    def hold_out(self, corpus: Any, seed: int) -> tuple[Any, Any]:
        """Divide a corpus into rows to train on and dev rows.

        Raises:
            SeqwrightError: the corpus is too small.
        """

    @abstractmethod
    def vocabulary(self, symbols: StoredVocabulary) -> Vocabulary:
        """Return the vocabulary of a corpus' symbols, which also encodes prompts and rows."""

    @abstractmethod
    def default_recipe(self, split: Split) -> Recipe:
        """Return a recipe that suits the data."""

    @abstractmethod
    def train_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        """Return the rows that are trained on."""

    @abstractmethod
    def eval_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        """Return the rows whose loss is measured, each once, without the symbols that the vocabulary lacks."""

    @abstractmethod
    def limit(self, recipe: Recipe, split: Split) -> int:
        """Return the maximum number of tokens of an answer."""

    def split(self, preprocessing: Preprocessing, path: Path, dev: Path | None, seed: int) -> Split:
        """Read the training rows and the dev rows, which are held out of the former where no dev file is given."""
        corpus = self.read(preprocessing, path)
        if dev is not None:
            return Split(corpus, self.read(corpus.preprocessing, dev), held_out=False)
        return Split(*self.hold_out(corpus, seed), held_out=True)

    def problems(self, recipe: Recipe, split: Split) -> Iterator[SeqwrightError]:
        """Yield everything that keeps a recipe from being trained on the data, before anything is written."""
        if recipe.evaluation.by == "exact_match" and not self.has_targets:
            name = type(self).__name__
            yield SeqwrightError(f"{name} has no targets to match", fix="leave evaluation.by as it is")
        yield from _unfit_parts(recipe, self.vocabulary(split.train.vocabulary))

    def notes(self, split: Split, vocabulary: Vocabulary) -> list[str]:
        """Return remarks on the data for people to read."""
        return []

    # ------------------------------------------------------------------ evaluation

    def evaluate(self, model: Model, data: PreparedData, rows: int, device: str) -> Measured:
        """Evaluate a model during training, on all dev rows; answers are generated to at most ``rows`` of their sources."""
        return Measured(self._likelihoods(model, data.split.dev, data.vocabulary, data.recipe, device).loss, None, 0)

    def measure(
        self, trained: TrainedModel, path: Path, decoding: Decoding | None, also: Collection[TextMetric]
    ) -> Measures | TextMeasures:
        """Evaluate a trained model on a file.

        Raises:
            SeqwrightError: the file cannot be used, or the goal has no answers to decode.
        """
        if decoding is not None or also:
            raise SeqwrightError(
                f"{type(self).__name__} has no targets: it is measured by its loss alone",
                fix="leave --beam, --also and --html out",
            )
        corpus = self.read(trained.reading, path)
        return measure_text(
            self._likelihoods(trained.model, corpus, trained.vocabulary, trained.recipe, trained.device)
        )

    def _likelihoods(self, model: Any, corpus: Any, vocabulary: Vocabulary, recipe: Recipe, device: str) -> Any:
        examples = self.eval_examples(corpus, vocabulary, recipe)
        return token_likelihoods(model, examples, ignore=vocabulary.pad, device=device)

    # ------------------------------------------------------------------ prompts and answers

    def context(self, recipe: Recipe) -> int | None:
        """Return the number of tokens that a model attends to while an answer grows beyond its maximum length, if it may."""
        return None

    def check_prompt(self, trained: TrainedModel, symbols: tuple[str, ...], where: str = "") -> None:
        """Check that a prompt can be read.

        Raises:
            TooLongError: it is longer than the model's maximum length.
        """
        forced, model = (
            self.forced(trained.vocabulary, trained.vocabulary.known(symbols, self.prompt_side), (), ended=False),
            trained.recipe.model,
        )
        length = len(forced.inputs if forced.source is None else forced.source)
        longest = model.max_length("target" if forced.source is None else "source")
        if longest is not None and length > longest:
            raise TooLongError(
                f"a prompt of {length} tokens, and the maximum length is {longest}",
                where=where,
                fix="shorten it, or train with longer positions or with RotaryPosition",
            )

    def known_prompt(self, trained: TrainedModel, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Return a prompt's symbols without those that the vocabulary lacks, which ``trained.unknown`` counts."""
        return trained.known(symbols, self.prompt_side)

    def generate(
        self, trained: TrainedModel, prompts: Iterable[tuple[str, ...] | None], decoding: Decoding, *,
        generator: torch.Generator | None, limit: int, window: int,
    ) -> Iterator[list[Hypothesis]]:  # fmt: skip
        """Yield each prompt's answers, best first; see :func:`seqwright.decoding.stream.answer_stream`.

        Raises:
            SeqwrightError: a model of this goal generates nothing.
        """
        return answer_stream(
            trained.model, trained.vocabulary, prompts, decoding, limit=limit, window=window, generator=generator,
            device=trained.device, forbidden=trained.vocabulary.forbidden, context=self.context(trained.recipe),
        )  # fmt: skip

    @abstractmethod
    def forced(
        self, vocabulary: Vocabulary, prompt: Sequence[str], answer: Sequence[int], *, ended: bool
    ) -> ForcedSequence:
        """Return a prompt (symbols) and its answer (ids, END left out; ``ended`` if it ended so) as one pass reads them."""

    def lines(self, prompt: str, answers: Sequence[Prediction], *, scores: bool) -> Iterator[str]:
        """Yield the lines of a prompt and its answers, best first, as ``seqwright predict`` prints them."""
        for answer in answers:
            yield prompt + answer.text

    # ------------------------------------------------------------------ the doctor

    def contract(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the fields of a doctor's contract that follow from the goal rather than from the model."""
        return {} if self.has_targets else {"eos": None}

    @abstractmethod
    def example_rows(self, trained: TrainedModel, path: Path, rows: int, length: int) -> dict[str, Tensor]:
        """Return some rows of a file as the doctor takes them: ``source`` and ``target``, or ``ids``, each ``[b t]``.

        Args:
            trained: the model that reads them.
            path: the file.
            rows: how many, at most.
            length: the maximum number of tokens of a row of running text.
        """

    def inputs_and_labels(self, ids: Tensor, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
        """Return the inputs and labels ``[b t]`` of example rows: all tokens but the last, and all but the first."""
        return ids[:, :-1], ids[:, 1:]


def _unfit_parts(recipe: Recipe, vocabulary: Vocabulary) -> Iterator[SeqwrightError]:
    """Yield what is wrong with a recipe for any goal of symbols."""
    model, objective = recipe.model, recipe.training.objective
    if None in (model.vocabulary_size("target"), model.output_size):
        yield SeqwrightError("this model reads or predicts numbers, and the data are symbols", fix="give another model")
        return
    fitting = model.with_vocabulary(vocabulary.source_size, vocabulary.size, vocabulary.outputs)
    for path, (given, wanted) in diff(model, fitting).items():  # pyright: ignore[reportArgumentType]
        yield SeqwrightError(f"model.{path}={given}: the data requires {wanted}", fix="leave it as it is")
    if objective.count(torch.tensor([[vocabulary.pad]])):
        name = type(objective).__name__
        yield SeqwrightError(
            f"training.objective={name} counts padding as a label",
            fix=f'give {{"type": "CrossEntropy", "ignore": {vocabulary.pad}}}',
        )
    with torch.device("meta"):
        model.checked().build()  # pyright: ignore[reportAttributeAccessIssue]  # every family is a Spec; its parts raise
