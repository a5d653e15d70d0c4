"""Faults of the GPT in modes, states, batches and parameters."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gpt import GPT, Attention, Block, FeedForward, Memory, Size, gpt
from .gpt_masks import RIGHT, with_attention
from .gpt_places import NO_CACHE

# modes and states


class CountsItsCalls(GPT):
    """A model each of whose calls begins at a later position than the last."""

    calls = 0

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        self.calls += 1
        return super().embed(ids, (places + self.calls) % self.size.longest)


class KeepsTheLastBatch(GPT):
    """A model that keeps the vectors of earlier batches."""

    before: Tensor | None = None

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        x = super().embed(ids, places)
        kept, self.before = self.before, x.detach().mean((0, 1))
        return x if kept is None else x + 0.2 * kept


class DropsOutAlways(GPT):
    """``F.dropout`` without ``training=self.training``."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return F.dropout(super().embed(ids, places), 0.1)


class Noisy(GPT):
    """Training noise that is active in eval mode, too."""

    def speak(self, x: Tensor) -> Tensor:
        return super().speak(x + 1e-3 * torch.randn_like(x))


class UnscaledWithoutGradients(Attention):
    """A fast path for eval mode without the root of the scale."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return super().scores(query, key) if torch.is_grad_enabled() else query @ key.mT


class NormedOnlyInEvaluation(GPT):
    """A last norm that is left out in train mode."""

    def speak(self, x: Tensor) -> Tensor:
        return self.head(x) if self.training else super().speak(x)


# batches


class RowsTakenForColumns(GPT):
    """A ``view`` in place of a transposition: tokens change rows."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        x = super().embed(ids, places)
        return x.reshape(ids.shape[1], ids.shape[0], -1).transpose(0, 1)


class Centred(GPT):
    """A model that subtracts half the batch's mean from every row."""

    def speak(self, x: Tensor) -> Tensor:
        return super().speak(x - 0.5 * x.mean(0))


# parameters


class DetachedBlock(Block):
    """A block whose output is detached from its input."""

    def forward(self, x: Tensor, allowed: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        with torch.no_grad():
            return super().forward(x, allowed, past)


class DetachedFirst(GPT):
    """A first block without a gradient, for itself or for anything before it."""

    def layer(self, index: int) -> nn.Module:
        parts = self.attention(self.size, index), self.feedforward(self.size, index)
        return (Block if index else DetachedBlock)(self.size, *parts)


class PlainList(GPT):
    """Blocks in a plain list, which no optimiser reaches."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        blocks = list(self.blocks)
        del self.blocks
        self.blocks = blocks


class ReadsData(FeedForward):
    """Weights used through ``.data``, without a gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(F.linear(x, self.widen.weight.data, self.widen.bias)))


class ReadsDataGPT(GPT):
    feedforward = ReadsData


class CopiedHead(GPT):
    """A head that is a copy of the embedding instead of the same tensor."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.head.weight = nn.Parameter(self.token.weight.detach().clone())


class LoudEmbedding(GPT):
    """A head tied to an embedding as ``nn.Embedding`` draws it (CoursIA 13279)."""

    def draw(self) -> None:
        nn.init.normal_(self.token.weight, std=1.0)
        nn.init.normal_(self.place.weight, std=0.02)


class LoudHead(GPT):
    """A head of its own, with weights far too large."""

    tied = False

    def draw(self) -> None:
        super().draw()
        nn.init.normal_(self.head.weight, std=2.0)


class CopiedBlocks(GPT):
    """Every block is a deep copy of the first, as ``nn.TransformerEncoder`` makes them."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.blocks = nn.ModuleList(copy.deepcopy(self.blocks[0]) for _ in self.blocks)


CASES = (
    gpt("counts-its-calls", "stateful", CountsItsCalls, **NO_CACHE),
    gpt("keeps-the-last-batch", "stateful", KeepsTheLastBatch, **NO_CACHE),
    gpt("drops-out-always", "eval-nondeterministic", DropsOutAlways, **NO_CACHE),
    gpt("noisy", "eval-nondeterministic", Noisy, **NO_CACHE),
    gpt("unscaled-without-gradients", "mode-dependent", with_attention(UnscaledWithoutGradients)),
    gpt("normed-only-in-evaluation", "mode-dependent", NormedOnlyInEvaluation, "untrained-part", size={"dropout": 0.0}),
    gpt("rows-taken-for-columns", "batch-mixing", RowsTakenForColumns, "future-leak", **NO_CACHE, **RIGHT),
    gpt("centred-on-the-batch", "batch-mixing", Centred, **NO_CACHE),
    gpt("detached-first-block", "untrained-part", DetachedFirst),
    gpt("blocks-in-a-list", "untrained-part", PlainList, size={"dropout": 0.0}),
    gpt("reads-data", "untrained-part", ReadsDataGPT),
    gpt("copied-head", "tied-weights", CopiedHead),
    gpt("loud-embedding", "init-loss", LoudEmbedding),
    gpt("loud-head", "init-loss", LoudHead),
    gpt("copied-blocks", "identical-layers", CopiedBlocks),
)
