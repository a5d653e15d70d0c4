"""Faults of the GPT in the dependence of outputs on tokens: masks, fills and softmaxes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gpt import GPT, Attention, FeedForward, Size, gpt
from .rows import FIRST


class Unmasked(GPT):
    """A model without its mask."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return torch.ones_like(key <= query)


class UnmaskedLastLayer(GPT):
    """A last layer without its mask."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (layer == self.size.layers - 1)


class OneTooFar(GPT):
    """``triu(2)`` in place of ``triu(1)``."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return key <= query + 1


class OneTooFarAtOnePlace(GPT):
    """A first layer in which one token attends to the one after it."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | ((query == 5) & (key == 6) & (layer == 0))


class UnmaskedBeyondItsTable(GPT):
    """A mask of twelve tokens, which longer rows lack."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (len(key) > 12)


class UnmaskedWithDropout(GPT):
    """Attention whose path with dropout builds no mask, as in Keras 23038."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (self.training and self.size.dropout > 0)


class UnmaskedInTraining(GPT):
    """A mask in eval mode only."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | self.training


class UnmaskedWithoutGradients(GPT):
    """A fast path for eval mode without a mask."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (not torch.is_grad_enabled())


class UnmaskedOnOneWord(GPT):
    """A mask that is absent from rows with a certain word."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (ids == FIRST + 4).any(1)[:, None, None]


class SilentUnmasked(Unmasked):
    """No mask, and a head of zeros that hides it until training begins."""

    tied = False

    def draw(self) -> None:
        super().draw()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class OnlyItself(GPT):
    """An equality where ``<=`` was meant."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return key == query


class FirstNeverSeen(GPT):
    """A mask that treats the first column as padding."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) & (key > 0)


class KeepsTheMasked(Attention):
    """``triu`` given to SDPA as if True meant masked (LLMs-from-scratch 1061)."""

    def mix(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, ~allowed)


class SoftmaxOverQueries(Attention):
    """A softmax over the queries in place of the keys (TCAN 7)."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, float("-inf")).softmax(-2)


class SoftmaxOverBatch(Attention):
    """The first dimension in place of the last (PyTorch-NLP 2): alone in a batch, every weight is 1."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.softmax(0).masked_fill(~allowed, 0)


class MaskedTooLate(Attention):
    """A mask after the softmax: the remaining weights sum to less than 1."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.softmax(-1) * allowed


class ScoresTimesMask(Attention):
    """A mask that sets scores to 0, which is a possible score."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return (scores * allowed).softmax(-1)


class FilledWith10000(Attention):
    """A finite fill, which larger scores exceed (Hugging Face 17121)."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -1e4).softmax(-1)


class FilledWith20(Attention):
    """A fill that is large enough at initialisation only."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -20.0).softmax(-1)


def with_attention(kind: type[Attention]) -> type[GPT]:
    """Return the GPT class with another attention in all layers."""
    return type(kind.__name__, (GPT,), {"attention": kind})


class NormedOverTime(GPT):
    """GroupNorm of one group over ``[b d t]``: mean and variance are of all times."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.group_norm = nn.GroupNorm(1, size.width)

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.group_norm(super().embed(ids, places).mT).mT


class KnowsTheMean(GPT):
    """A summary of the whole row without a gradient."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        x = super().embed(ids, places)
        return x + 0.3 * x.mean(1, keepdim=True).detach()


class SummarisesBlocks(GPT):
    """A summary of every four tokens that the first of them reads, too (nanochat 844)."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        x = super().embed(ids, places)
        whole = F.pad(x, (0, 0, 0, -x.shape[1] % 4))
        summary = whole.unflatten(1, (-1, 4)).mean(2).repeat_interleave(4, 1)  # [b t/4 4 d] to [b t d]
        return x + 0.1 * summary[:, : x.shape[1]]


class Experts(FeedForward):
    """Two experts with a capacity of four tokens of a row, in the tokens' order; further tokens pass unchanged."""

    room = 4

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__(size, layer)
        self.router = nn.Linear(size.width, 2)
        self.experts = nn.ModuleList(FeedForward(size, layer) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        chance, choice = self.router(x).softmax(-1).max(-1)  # [b t]
        y = super().forward(x)
        for index, expert in enumerate(self.experts):
            wanted = choice == index
            row, column = (wanted & (self.queue(wanted, chance) < self.room)).nonzero(as_tuple=True)
            y = y.index_put((row, column), expert(x[row, column]) * chance[row, column, None], accumulate=True)
        return y

    def queue(self, wanted: Tensor, chance: Tensor) -> Tensor:
        """Return the number of tokens of the row before each one in an expert's queue: ``[b t]``."""
        return wanted.long().cumsum(1) - 1


class LastComesFirst(Experts):
    """Experts whose queue is counted from its end."""

    def queue(self, wanted: Tensor, chance: Tensor) -> Tensor:
        return wanted.flip(1).long().cumsum(1).flip(1) - 1


class SurestComesFirst(Experts):
    """Experts that take the tokens with the highest router scores first, wherever they are."""

    def queue(self, wanted: Tensor, chance: Tensor) -> Tensor:
        surer = chance[:, None] > chance[:, :, None]  # [b token other]
        return (surer & wanted[:, None]).sum(-1)


class ExpertGPT(GPT):
    """A GPT whose embeddings differ enough for a router to separate them."""

    tied = False

    def draw(self) -> None:
        nn.init.normal_(self.token.weight)
        nn.init.normal_(self.place.weight)


def with_experts(kind: type[Experts]) -> type[GPT]:
    """Return the GPT class with experts in all layers."""
    return type(kind.__name__, (ExpertGPT,), {"feedforward": kind})


RIGHT: dict[str, Any] = {"contract": {"padding_side": "right"}}
"""For models that read padding, which is no fault where it is on the right."""

QUEUES: dict[str, Any] = {**RIGHT, "without": ("step",), "size": {"width": 32, "layers": 2}}
"""Queues depend on whole rows, so there is no cache."""

CASES = (
    gpt("unmasked", "future-leak", Unmasked),
    gpt("unmasked-last-layer", "future-leak", UnmaskedLastLayer, size={"layers": 3}),
    gpt("one-too-far", "future-leak", OneTooFar),
    gpt("one-too-far-at-one-place", "future-leak", OneTooFarAtOnePlace, **RIGHT),
    gpt("unmasked-beyond-12-tokens", "future-leak", UnmaskedBeyondItsTable),
    gpt("unmasked-with-dropout", "future-leak", UnmaskedWithDropout, "mode-dependent"),
    gpt("unmasked-in-training", "future-leak", UnmaskedInTraining, "mode-dependent", size={"dropout": 0.0}),
    gpt("unmasked-without-gradients", "future-leak", UnmaskedWithoutGradients, "mode-dependent"),
    gpt("unmasked-on-one-word", "future-leak", UnmaskedOnOneWord, size={"layers": 1}),
    gpt("unmasked-behind-zero-head", "future-leak", SilentUnmasked),
    gpt("keeps-the-masked", "future-leak", with_attention(KeepsTheMasked), "past-blocked"),
    gpt("normed-over-time", "future-leak", NormedOverTime, without=("step",), **RIGHT),
    gpt("knows-the-mean", "future-leak", KnowsTheMean, without=("step",), **RIGHT),
    gpt("summarises-blocks", "future-leak", SummarisesBlocks, without=("step",), **RIGHT),
    gpt("last-comes-first", "future-leak", with_experts(LastComesFirst), **QUEUES),
    gpt("surest-comes-first", "future-leak", with_experts(SurestComesFirst), **QUEUES),
    gpt("only-itself", "past-blocked", OnlyItself),
    gpt("first-never-seen", "past-blocked", FirstNeverSeen, **RIGHT),
    gpt("softmax-over-queries", "attention-normalisation", with_attention(SoftmaxOverQueries), "future-leak"),
    gpt("softmax-over-batch", "attention-normalisation", with_attention(SoftmaxOverBatch), "batch-mixing"),
    gpt("masked-after-softmax", "attention-normalisation", with_attention(MaskedTooLate), "future-leak"),
    gpt("scores-times-mask", "future-leak", with_attention(ScoresTimesMask), "weak-mask-fill"),
    gpt("filled-with-10000", "weak-mask-fill", with_attention(FilledWith10000)),
    gpt("filled-with-20", "weak-mask-fill", with_attention(FilledWith20), "future-leak"),
)
