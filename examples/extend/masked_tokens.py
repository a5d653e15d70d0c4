r"""A goal: masked tokens of running text, predicted from the text on both sides (Devlin et al. 2019, §3.1).

seqwright --import examples/extend/masked_tokens.py train examples/data/shakespeare.txt --goal MaskedTokens --out masked
echo 'to _e or n_t to be' | seqwright --import examples/extend/masked_tokens.py predict masked -
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqwright.core.spec import Rate, vary
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch
from seqwright.data.batching import Examples
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.request import Hypothesis
from seqwright.goals.continuation import Continuation
from seqwright.nn.mask import NoMask


class MaskedChunks(NamedTuple):
    """Chunks of text with masked tokens. Equal rows get equal masks, so that a run continues exactly."""

    goal: "MaskedTokens"
    chunks: Examples
    vocabulary: Vocabulary

    def lengths(self) -> Any:
        return self.chunks.lengths()

    def batch(self, rows: Sequence[int]) -> Batch:
        target = self.chunks.batch(rows).target
        inputs, labels = self.goal.inputs_and_labels(target.ids, self.vocabulary, seed=int(sum(rows)))
        return Batch(None, Tokens(inputs, target.at), labels)


class MaskedTokens(Continuation):
    """Running text with a share of masked tokens (``rate``), and prompts with blanks, which a model fills from both sides."""

    rate: Rate = 0.15
    blank: str = "_"

    def default_recipe(self, split: Any) -> Any:
        return vary(super().default_recipe(split), {"model.decoder.blocks.mixer.mask": NoMask()})

    def train_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Any) -> Examples:
        return MaskedChunks(self, super().train_examples(corpus, vocabulary, recipe), vocabulary)

    def eval_examples(self, corpus: Any, vocabulary: Vocabulary, recipe: Any) -> Examples:
        return MaskedChunks(self, super().eval_examples(corpus, vocabulary, recipe), vocabulary)

    def inputs_and_labels(self, ids: Tensor, vocabulary: Vocabulary, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Put START, which no text has, in place of some tokens, one at least; the labels of all others are padding."""
        hidden = torch.rand(ids.shape, generator=torch.Generator().manual_seed(seed)) < self.rate
        hidden[:, 0] |= ~hidden.any(1)
        hidden &= ids != vocabulary.pad
        return ids.masked_fill(hidden, vocabulary.start), ids.masked_fill(~hidden, vocabulary.pad)

    def known_prompt(self, trained: Any, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if symbol == self.blank or trained.vocabulary.known([symbol]))

    def generate(self, trained: Any, prompts: Any, *_: Any, **options: Any) -> Iterator[list[Hypothesis]]:
        """Fill each blank of a prompt with its most probable symbol."""
        start, encode = trained.vocabulary.start, trained.vocabulary.encode
        for prompt in filter(None, prompts):
            ids = torch.tensor([[start if symbol == self.blank else encode([symbol])[0] for symbol in prompt]])
            with torch.inference_mode():
                logits = trained.model(Tokens.of(ids.tolist()).to(trained.device))[0].logits
            best = logits[..., :start].argmax(-1).cpu()
            yield [Hypothesis(tuple(torch.where(ids == start, best, ids)[0].tolist()), 0.0, 0.0, stopped=True)]

    def lines(self, prompt: str, answers: Sequence[Any], *, scores: bool) -> Iterator[str]:
        return (answer.text for answer in answers)

    def contract(self, vocabulary: Vocabulary) -> dict[str, Any]:
        return {"kind": "encoder", "eos": None}  # the doctor then expects tokens to depend on both sides
