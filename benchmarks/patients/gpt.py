"""A GPT written by hand, in parts that can be replaced one at a time: every fault of this base overrides one method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .rows import BOS, EOS, PAD, next_word_loss, padded, sentences

Memory = tuple[Tensor, Tensor]
"""The cached keys and values of one layer."""


@dataclass(frozen=True)
class Size:
    """The size of a GPT."""

    vocabulary: int = 28
    width: int = 32
    layers: int = 2
    heads: int = 2
    longest: int = 32
    dropout: float = 0.1


def size_of(seed: int) -> Size:
    """Return a different size for a different seed."""
    vocabulary, width = ((24, 16), (28, 32), (36, 48))[seed % 3]
    return Size(vocabulary=vocabulary, width=width, layers=2 + seed % 2)


class Past(NamedTuple):
    """The cache: the number of tokens read, and each layer's keys and values."""

    seen: int
    memories: tuple[Memory, ...]


class Attention(nn.Module):
    """Scaled dot-product attention in several heads, over the allowed keys."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__()
        self.read = nn.Linear(size.width, 3 * size.width)
        self.write = nn.Linear(size.width, size.width)
        self.dropout = nn.Dropout(size.dropout)
        self.heads, self.layer = size.heads, layer

    def forward(self, x: Tensor, allowed: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        parts = self.read(x).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)  # [b h t c]
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        mixed = self.mix(query, key, value, allowed[:, None, :, -key.shape[2] :])
        return self.write(mixed.transpose(1, 2).flatten(2)), self.remembered(key, value)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        """Return the weighted values of each query: ``[b h q c]``; ``allowed`` is ``[b 1 q k]``."""
        return self.dropout(self.weights(self.scores(query, key), allowed)) @ value

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the score of each query and key: ``[b h q k]``."""
        return query @ key.mT / query.shape[-1] ** 0.5

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """Return the weights over the keys."""
        return scores.masked_fill(~allowed, float("-inf")).softmax(-1)

    def remembered(self, key: Tensor, value: Tensor) -> Memory:
        """Return the keys and values to keep for the next step."""
        return key, value


class FeedForward(nn.Module):
    """A feed-forward part, which maps each token by itself."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(size.width, 2 * size.width), nn.Linear(2 * size.width, size.width)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(nn.functional.gelu(self.widen(x)))


class Block(nn.Module):
    """Attention and feed-forward, each a pre-norm residual branch."""

    def __init__(self, size: Size, attention: nn.Module, feedforward: nn.Module) -> None:
        super().__init__()
        self.attention, self.feedforward = attention, feedforward
        self.first_norm, self.second_norm = self.norm(size.width), self.norm(size.width)
        self.dropout = nn.Dropout(size.dropout)

    def norm(self, width: int) -> nn.Module:
        return nn.LayerNorm(width)

    def forward(self, x: Tensor, allowed: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        heard, memory = self.attention(self.first_norm(x), allowed, past)
        x = x + self.dropout(heard)
        return x + self.dropout(self.feedforward(self.second_norm(x))), memory


class GPT(nn.Module):
    """A decoder that reads padding on either side, and continues from a cache."""

    attention: type[Attention] = Attention
    feedforward: type[nn.Module] = FeedForward
    block: type[Block] = Block
    tied = True

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.token, self.place = nn.Embedding(size.vocabulary, size.width), nn.Embedding(size.longest, size.width)
        self.dropout = nn.Dropout(size.dropout)
        self.blocks = nn.ModuleList(self.layer(index) for index in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, size.vocabulary, bias=not self.tied)
        self.draw()
        if self.tied:
            self.head.weight = self.token.weight

    def layer(self, index: int) -> nn.Module:
        """Build the block of one layer."""
        return self.block(self.size, self.attention(self.size, index), self.feedforward(self.size, index))

    def draw(self) -> None:
        """Draw small embeddings, so that a head tied to them starts near a uniform distribution."""
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.place.weight, std=0.02)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.read(ids, mask, None)[0]

    def read(self, ids: Tensor, mask: Tensor | None, past: Past | None) -> tuple[Tensor, Past]:
        """Return the logits after each token, and the cache of all of them."""
        seen, before = past or (0, (None,) * len(self.blocks))
        real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
        x = self.dropout(self.embed(ids, self.places(real, seen)))
        memories = []
        for index, block in enumerate(self.blocks):
            x, memory = block(x, self.visible(ids, real, seen, index), before[index])
            memories.append(memory)
        return self.speak(x), Past(seen + ids.shape[1], tuple(memories))

    def places(self, real: Tensor, seen: int) -> Tensor:
        """Return each token's position in its own sequence, independent of padding before it."""
        return (seen + real.cumsum(1) - 1).clamp_min(0)

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.token(ids) + self.place(places)

    def visible(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        """Return the keys that each query may attend to: ``[b q k]``; each may attend to itself, so that padding has a key."""
        key = torch.arange(seen + ids.shape[1], device=ids.device)
        query = key[seen:, None]
        known = self.known(real, seen)
        return (self.looks(query, key, ids, layer) & known[:, None]) | (key == query)

    def known(self, real: Tensor, seen: int) -> Tensor:
        """Return the keys that are not padding: ``[b k]``; none of the cached ones is."""
        return torch.cat([real.new_ones(len(real), seen), real], 1)

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        """Return the columns that each column may attend to: itself and those before it."""
        return key <= query

    def speak(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x))


def step(model: GPT, ids: Tensor, past: Past | None) -> tuple[Tensor, Past]:
    """Take one step of decoding with a cache."""
    return model.read(ids, None, past)


def loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it, without padding."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != PAD), ids)


def generate(model: nn.Module, source: Tensor) -> Tensor:
    """Return each row with its greedy continuation, up to an end or twelve tokens."""
    return padded(continued(model, row[row != PAD].tolist()) for row in source)


def continued(model: nn.Module, row: list[int], steps: int = 12) -> list[int]:
    """Continue one row greedily."""
    for _ in range(steps):
        if row[-1] == EOS:
            break
        with torch.no_grad():
            row = [*row, int(model(torch.tensor([row]))[0, -1].argmax())]
    return row


def contract_of(size: Size, **different: Any) -> Contract:
    """Return the contract of this GPT."""
    promised = {"pad": PAD, "bos": BOS, "eos": EOS, "max_length": size.longest, "padding_side": "both"}
    return Contract(kind="decoder", vocabulary=size.vocabulary, **{**promised, **different})


def gpt(
    name: str,
    fault: str | None,
    model: type[GPT] = GPT,
    *also: str,
    size: dict[str, Any] | None = None,
    contract: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
    **extras: Any,
) -> Case:
    """Make a case of a GPT: its class, the differences of its size and contract, and its user's functions.

    ``without`` names the extras that the user has not.
    """

    def build(seed: int) -> Subject:
        usual = size_of(seed)
        special = replace(usual, **(size or {}))
        has = {"step": step, "loss": loss, "examples": sentences(usual.vocabulary, seed), **extras}
        promised = contract_of(usual, **(contract or {}))
        return Subject(model(special), promised, {name: has[name] for name in has if name not in without})

    return case(f"gpt/{name}", fault, build, *also)
