"""A goal from outside the package: masked tokens of running text, predicted from both sides (Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from seqwright.core.spec import Rate, vary
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch
from seqwright.data.batching import Examples
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.request import Hypothesis
from seqwright.goals.continuation import Continuation
from seqwright.goals.data import Split
from seqwright.goals.recipe import Recipe
from seqwright.goals.trained import Prediction, TrainedModel
from seqwright.nn.mask import NoMask

BLANK = "_"


class MaskedChunks:
    """Chunks of text with masked tokens; labels at all other tokens are padding. Equal rows get equal masks."""

    def __init__(self, chunks: Examples, vocabulary: Vocabulary, rate: float) -> None:
        self.chunks, self.vocabulary, self.rate = chunks, vocabulary, rate

    def lengths(self) -> Any:
        return self.chunks.lengths()

    def batch(self, rows: Sequence[int]) -> Batch:
        target = self.chunks.batch(rows).target
        inputs, labels = masked(target.ids, target.real, self.vocabulary, self.rate, seed=int(sum(rows)))
        return Batch(None, Tokens(inputs, target.at), labels)


def masked(ids: Tensor, real: Tensor, vocabulary: Vocabulary, rate: float, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return the inputs and labels; START, which no text has, is the mask."""
    hidden = torch.rand(ids.shape, generator=torch.Generator().manual_seed(seed)) < rate
    hidden[:, 0] |= ~hidden.any(1)
    hidden &= real
    return ids.masked_fill(hidden, vocabulary.start), ids.masked_fill(~hidden, vocabulary.pad)


class MaskedTokens(Continuation):
    """Running text with masked tokens, which a model predicts from the text on both sides."""

    rate: Rate = 0.15

    def default_recipe(self, split: Split) -> Recipe:
        return vary(super().default_recipe(split), {"model.decoder.blocks.mixer.mask": NoMask()})

    def train_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return MaskedChunks(super().train_examples(corpus, vocabulary, recipe), vocabulary, self.rate)

    def eval_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Recipe) -> Examples:
        return MaskedChunks(super().eval_examples(corpus, vocabulary, recipe), vocabulary, self.rate)

    def known_prompt(self, trained: TrainedModel, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if symbol == BLANK or trained.vocabulary.known([symbol]))

    def generate(
        self, trained: TrainedModel, prompts: Iterable[tuple[str, ...] | None], *options: Any, **more: Any
    ) -> Iterator[list[Hypothesis]]:
        """Fill each blank of a prompt with its most probable symbol."""
        for prompt in filter(None, prompts):
            ids = torch.tensor([[self._id(trained.vocabulary, symbol) for symbol in prompt]], device=trained.device)
            with torch.inference_mode():
                output, _ = trained.model(Tokens.of(ids.tolist()).to(trained.device))
            log_p = output.logits[..., : len(trained.vocabulary.symbols)].log_softmax(-1)
            filled = torch.where(ids == trained.vocabulary.start, log_p.argmax(-1), ids)
            score = float(log_p.gather(-1, filled[..., None])[ids == trained.vocabulary.start].sum())
            yield [Hypothesis(tuple(filled[0].tolist()), score, score, stopped=True)]

    def _id(self, vocabulary: Vocabulary, symbol: str) -> int:
        return vocabulary.start if symbol == BLANK else vocabulary.encode([symbol])[0]

    def lines(self, prompt: str, answers: Sequence[Prediction], *, scores: bool) -> Iterator[str]:
        return (answer.text for answer in answers)

    def contract(self, vocabulary: Vocabulary) -> dict[str, Any]:
        return {"kind": "encoder", "eos": None}

    def inputs_and_labels(self, ids: Tensor, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
        return masked(ids, ids != vocabulary.pad, vocabulary, self.rate, seed=0)
