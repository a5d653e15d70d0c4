"""A prefix language model with learned positions and post-norm: the first four tokens attend to one another."""

from __future__ import annotations

import torch
from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract
from seqwright.doctor.visibility import Prefix

from .common import Build

VOCABULARY, LENGTH, PREFIX = 41, 24, 4


class PrefixModel(nn.Module):
    """Two layers of ``nn.MultiheadAttention`` and feed-forward."""

    def __init__(self, bug: str, width: int = 36, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.bug = bug
        self.token, self.place = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.attention = nn.ModuleList(nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(layers))
        self.feedforward = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * layers))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = self.token(ids) + self.place(torch.arange(length))
        for layer, attention in enumerate(self.attention):
            mask = self.hidden(length, layer)
            if self.bug == "added-fill-1e4":
                mask = torch.zeros(length, length, dtype=x.dtype).masked_fill(mask, -1e4)
            heard, _ = attention(x, x, x, attn_mask=mask, need_weights=False)
            x = self.norms[2 * layer](x + heard)
            x = self.norms[2 * layer + 1](x + self.feedforward[layer](x))
        return self.head(x)

    def hidden(self, length: int, layer: int) -> Tensor:
        """Return the keys that each query may not attend to: ``[q k]``."""
        key = torch.arange(length)
        query = key[:, None]
        prefix = {"off-by-one": PREFIX + 1, "half-of-the-row": max(PREFIX, length // 2)}.get(self.bug, PREFIX)
        past, together = key <= query, (key < prefix) & (query < prefix)
        visible = past | together
        if self.bug == "query-side-only":
            visible = past | (query < prefix)
        if self.bug == "second-layer-one-too-far" and layer == 1:
            visible = key <= query + 1
        return visible if self.bug == "polarity" else ~visible


def prefix(bug: str = "") -> Build:
    """Return a builder of subjects with a bug."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="decoder", vocabulary=VOCABULARY, visibility=Prefix(PREFIX), max_length=LENGTH)
        return Subject(PrefixModel(bug), contract)

    return build


CASES: tuple[Case, ...] = (
    case("prefix/off-by-one", "future-leak", prefix("off-by-one")),
    case("prefix/half-of-the-row", "future-leak", prefix("half-of-the-row")),
    case("prefix/query-side-only", "future-leak", prefix("query-side-only")),
    case("prefix/second-layer-one-too-far", "future-leak", prefix("second-layer-one-too-far")),
    case("prefix/polarity", "future-leak", prefix("polarity"), "nan", "past-blocked"),
    case("prefix/added-fill-1e4", "weak-mask-fill", prefix("added-fill-1e4")),
    case("prefix/healthy", None, prefix()),
)
