"""A GPT with ALiBi, whose scores fall with distance by a slope for each head; seven words, sixteen positions."""

from __future__ import annotations

from typing import Any

import torch
from patients.case import Case, Subject, case
from patients.rows import PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build

HEADS = 4
FILLS = {"fill-1e-9": 1e-9, "fill-1e4": -1e4, "fill-50": -50.0, "softmax-heads": -1e9, "softmax-queries": -1e9}
AXES = {"softmax-heads": 1, "softmax-queries": -2}


class Block(nn.Module):
    """Attention and feed-forward, each a residual branch."""

    def __init__(self, width: int, bug: str, odd: tuple[str, ...]) -> None:
        super().__init__()
        self.bug, self.odd = bug, odd
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(approximate="tanh"), nn.Linear(3 * width, width)
        )
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        slopes = torch.tensor([2.0 ** (-8 * (head + 1) / HEADS) for head in range(HEADS)])
        self.register_buffer("alibi_slopes", slopes.long().float() if bug == "slopes-integer" else slopes)

    def forward(self, x: Tensor) -> Tensor:
        if "post-norm" in self.odd:
            x = self.first_norm(x + self.attend(x))
            return self.second_norm(x + self.feedforward(x))
        x = x + self.attend(self.first_norm(x))
        return x + self.feedforward(self.second_norm(x))

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (self.split(part) for part in self.read(x).chunk(3, -1))  # [b h t c]
        scores = query @ key.mT / (width // HEADS) ** 0.5
        scores = scores - self.alibi_slopes.to(x.dtype)[:, None, None] * self.distance(length).to(x.dtype)
        mixed = self.weights(scores, self.visible(batch, length)) @ value
        return self.write(mixed.transpose(1, 2).reshape(batch, length, width))

    def split(self, x: Tensor) -> Tensor:
        """Reshape ``[b t d]`` to ``[b h t c]``."""
        batch, length, width = x.shape
        if self.bug == "view-heads":
            return x.reshape(batch, HEADS, length, width // HEADS)
        return x.view(batch, length, HEADS, -1).transpose(1, 2)

    def distance(self, length: int) -> Tensor:
        """Return the distance of each key from each query, ``[q k]``; the query's own term cancels in the softmax."""
        at = torch.arange(length)
        if "key-only" in self.odd:
            return -at[None].expand(length, length)
        return at[:, None] - at[None]

    def visible(self, batch: int, length: int) -> Tensor:
        """Return the keys that each query may attend to: ``[q k]``."""
        at = torch.arange(length)
        if self.bug == "off-by-one":
            return at[None] <= at[:, None] + 1
        if self.bug == "diagonal-only":
            return torch.eye(length, dtype=torch.bool)
        visible = at[None] <= at[:, None]
        if self.bug == "mask-transposed":
            return visible.T
        if self.bug == "mask-square-batch" and batch == length:  # taken for a mask of padding, [b k]
            return visible[:, None, None, :]
        return visible

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Return the weights over the keys."""
        if self.bug == "mask-after-softmax":
            return scores.softmax(-1) * visible
        if self.bug == "mask-multiplied":
            return (scores * visible).softmax(-1)
        masked = scores.masked_fill(~visible, FILLS.get(self.bug, float("-inf")))
        shares = masked.softmax(AXES.get(self.bug, -1))  # taken also where it is not used, as in the exam
        if "sigmoid" in self.odd:
            return torch.sigmoid(scores - 2) * visible
        if "sink" in self.odd:  # a key of score 0 that has no value
            highest = masked.amax(-1, keepdim=True).clamp(min=0)
            shares = (masked - highest).exp()
            return shares / (shares.sum(-1, keepdim=True) + (-highest).exp())
        return shares


class Alibi(nn.Module):
    """Embedding, blocks and head; the output may hold more than logits."""

    def __init__(self, vocabulary: int, layers: int, bug: str, odd: tuple[str, ...], width: int = 32) -> None:
        super().__init__()
        self.odd = odd
        self.token = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, bug, odd) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Any:
        x = self.token(ids)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if "bans-pad" in self.odd:
            logits = logits.clone()
            logits[..., PAD] = float("-inf")
        if "dict" in self.odd:
            return {"logits": logits, "hidden": x, "aux": x.sum() * 0}
        if "tuple" in self.odd:
            return logits, x
        return logits


def alibi(bug: str = "", *odd: str, layers: int = 2, **promised: Any) -> Build:
    """Return a builder of subjects with a bug, or with an odd but right part, and other fields of the contract."""

    def build(seed: int) -> Subject:
        contract = Contract(**{"kind": "decoder", "vocabulary": 7, "max_length": 16, **promised})
        return Subject(Alibi(contract.vocabulary, layers, bug, odd), contract)

    return build


CASES: tuple[Case, ...] = (
    case("alibi/fill-1e-9", "future-leak", alibi("fill-1e-9")),
    case("alibi/fill-1e4", "weak-mask-fill", alibi("fill-1e4")),
    case("alibi/fill-50", "weak-mask-fill", alibi("fill-50", layers=1), "future-leak"),
    case("alibi/off-by-one", "future-leak", alibi("off-by-one", layers=1)),
    case("alibi/mask-transposed", "future-leak", alibi("mask-transposed"), "past-blocked"),
    case("alibi/mask-square-batch", "batch-mixing", alibi("mask-square-batch"), "future-leak"),
    case("alibi/diagonal-only", "past-blocked", alibi("diagonal-only")),
    case("alibi/softmax-heads", "attention-normalisation", alibi("softmax-heads"), "future-leak"),
    case("alibi/softmax-queries", "attention-normalisation", alibi("softmax-queries"), "future-leak"),
    case("alibi/mask-after-softmax", "attention-normalisation", alibi("mask-after-softmax"), "future-leak"),
    case("alibi/mask-multiplied", "future-leak", alibi("mask-multiplied")),
    case("alibi/view-heads", "future-leak", alibi("view-heads")),
    case("alibi/slopes-integer", "order-blind", alibi("slopes-integer", layers=1), "positions-ineffective"),
    case("alibi/healthy-v7", None, alibi()),
    case("alibi/depth-1", None, alibi(layers=1)),
    case("alibi/bloom-key-only", None, alibi("", "key-only")),
    case("alibi/post-norm-dict", None, alibi("", "post-norm", "dict")),
    case("alibi/tuple-out", None, alibi("", "tuple", vocabulary=1000)),
    case("alibi/sink", None, alibi("", "sink")),
    case("alibi/sigmoid-attention", None, alibi("", "sigmoid")),
    case("alibi/bans-pad", None, alibi("", "bans-pad", vocabulary=20, pad=PAD)),
    case("alibi/contract-shorter", None, alibi(max_length=8)),
)
