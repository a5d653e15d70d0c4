"""Continuation: predicting the next symbol of running text (language modelling)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.batching import Examples, RandomStretches
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.text import ConsecutiveChunks, RandomChunks, TextCorpus, TextVocabulary
from seqwright.data.vocabulary import StoredVocabulary, Vocabulary
from seqwright.goals.data import HELD_OUT, Split
from seqwright.goals.default_recipes import TEXT_RECIPES, text_recipe
from seqwright.goals.goal import ForcedSequence, Goal
from seqwright.goals.recipe import Recipe
from seqwright.goals.trained import TrainedModel

LINE_END = ("\n",)


class Continuation(Spec, Goal):
    """Running text: a model without a source predicts the next symbol, and continues prompts."""

    reads_text: ClassVar[bool] = True
    named_recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = TEXT_RECIPES

    def read(self, preprocessing: Preprocessing, path: Path) -> TextCorpus:
        return TextCorpus.read(path, preprocessing)

    def hold_out(self, corpus: TextCorpus, seed: int) -> tuple[TextCorpus, TextCorpus]:
        """Divide a text before its last tenth."""
        return corpus.split(HELD_OUT)

    def vocabulary(self, symbols: StoredVocabulary) -> TextVocabulary:
        return TextVocabulary(symbols.symbols)

    def default_recipe(self, split: Split) -> Recipe:
        return text_recipe(self, self.vocabulary(split.train.vocabulary))

    def train_examples(self, corpus: TextCorpus, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return RandomChunks(_known_ids(corpus, vocabulary), chunk_length(recipe))

    def eval_examples(self, corpus: TextCorpus, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return ConsecutiveChunks(_known_ids(corpus, vocabulary), chunk_length(recipe), vocabulary.pad)

    def limit(self, recipe: Recipe, split: Split) -> int:
        return 500

    def problems(self, recipe: Recipe, split: Split) -> Iterator[SeqwrightError]:
        if recipe.model.reads_source:
            yield SeqwrightError(
                "running text has no sources to read", fix="leave the model's encoder and cross-attention out"
            )
        length, longest = chunk_length(recipe), recipe.model.max_length("target")
        if longest is not None and length > longest:
            yield SeqwrightError(
                f"batching.length={length} is more than the model's {longest} positions",
                fix=f"--set model.decoder.position.length={length} as well",
            )
        yield from super().problems(recipe, split)
        vocabulary = self.vocabulary(split.train.vocabulary)
        for corpus in (split.train, split.dev):
            symbols = len(_known_ids(corpus, vocabulary))
            if symbols <= length:
                yield SeqwrightError(
                    f"{symbols:,} known symbols are too few: a model reads {length} at once and predicts one more",
                    where=corpus.where,
                    fix=f"give more text, or --set batching.length={max(1, symbols // 2)}",
                )

    def context(self, recipe: Recipe) -> int:
        return chunk_length(recipe)

    def check_prompt(self, trained: TrainedModel, symbols: tuple[str, ...], where: str = "") -> None:
        """Accept a prompt of any length: the model reads the last tokens of a longer one."""

    def known_prompt(self, trained: TrainedModel, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Return a prompt's known symbols; an empty prompt becomes a line end, after which a line begins.

        Raises:
            SeqwrightError: no symbol is known, and no line end is.
        """
        known = trained.known(symbols) or trained.vocabulary.known(LINE_END)
        if not known:
            raise SeqwrightError("a prompt has no symbol of the training data", fix="begin with one that it has")
        return known

    def forced(
        self, vocabulary: Vocabulary, prompt: Sequence[str], answer: Sequence[int], *, ended: bool
    ) -> ForcedSequence:
        return ForcedSequence(None, [*vocabulary.encode(prompt), *answer[:-1]], list(answer))

    def example_rows(self, trained: TrainedModel, path: Path, rows: int, length: int) -> dict[str, Tensor]:
        ids = _known_ids(self.read(trained.reading, path), trained.vocabulary)
        length = min(chunk_length(trained.recipe), length, len(ids))
        rows = max(1, min(rows, len(ids) // length))
        return {"ids": torch.from_numpy(ids[: rows * length].astype("int64")).view(rows, length)}


def chunk_length(recipe: Recipe) -> int:
    """Return the number of tokens of running text that a model reads at once.

    Raises:
        SeqwrightError: the recipe's batching is not for running text.
    """
    if not isinstance(recipe.batching, RandomStretches):
        raise SeqwrightError(
            f"batching={type(recipe.batching).__name__} is for pairs",
            fix='give {"type": "RandomStretches", "rows": 12, "length": 64}',
        )
    return recipe.batching.length


def _known_ids(corpus: TextCorpus, vocabulary: Vocabulary) -> Any:
    assert isinstance(vocabulary, TextVocabulary), "the goal makes them"
    return vocabulary.encode_text(corpus.symbols, corpus.ids)
