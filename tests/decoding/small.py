"""A model of three symbols, and sources for it."""

from __future__ import annotations

import torch

from seqwright.core.spec import vary
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Prompts
from seqwright.data.vocabulary import Vocabulary
from seqwright.decoding.request import GenerationRequest
from seqwright.models.transformer import Transformer
from tests.laws.inputs import model_of
from tests.laws.specs import ENCODER_DECODER

ABC = Vocabulary(("a", "b", "c"))
SYMBOLS = [0, 1, 2]
SPEC = vary(ENCODER_DECODER, {"embedding.vocabulary": ABC.size, "head.outputs": ABC.outputs})
WORDS = ["ab", "c", "bca", "aacb", "ba", "cc"]


def small_model(seed: int = 0, *, sharpness: float = 3.0) -> Transformer:
    """Return a model in double precision whose distributions are neither flat nor certain."""
    model = model_of(SPEC, seed=seed)
    with torch.no_grad():
        model.head.weight.mul_(sharpness)
    return model


def sources(words: list[str] = WORDS, *, left: bool = False) -> Tokens:
    """Return words as tokens."""
    return Tokens.of([ABC.encode(tuple(word)) for word in words], pad=ABC.pad, left=left)


def request_for(source: Tokens, limit: int = 4, *, seed: int = 0) -> GenerationRequest:
    """Return a request that never generates START."""
    rows = source.ids.shape[0]
    prompts = Prompts(source, Tokens.of([[ABC.start]] * rows), ABC.end, limit)
    seeds = torch.randint(2**62, (rows,), generator=torch.Generator().manual_seed(seed))
    return GenerationRequest.of(prompts, seeds=seeds, forbidden=[ABC.start])


def many_words(count: int) -> list[str]:
    """Return words of one to eight symbols."""
    draw = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, 9, (count,), generator=draw).tolist()
    return ["".join("abc"[i] for i in torch.randint(3, (n,), generator=draw).tolist()) for n in lengths]
