"""A small decoder written by hand, whose parts a test replaces one at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor import Contract

WORDS, WIDTH, LONGEST = 14, 16, 32
PAD, BOS, EOS = 0, 1, 2
CONTRACT = Contract(kind="decoder", vocabulary=WORDS, pad=PAD, bos=BOS, eos=EOS, max_length=LONGEST)


class Decoder(nn.Module):
    """Two layers of attention, residual and normed before; a head of its own."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.token, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(LONGEST, WIDTH)
        self.reads = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(2))
        self.writes = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.read(ids, mask, None)[0]

    def read(self, ids: Tensor, mask: Tensor | None, past: Any) -> tuple[Tensor, Any]:
        seen = 0 if past is None else past[0][0].shape[1]
        real = torch.ones(ids.shape[0], seen + ids.shape[1], dtype=torch.bool) if mask is None else mask
        x = self.token(ids) + self.place(self.places(ids, seen))
        kept = []
        for layer in range(2):
            query, key, value = self.reads[layer](self.norms[layer](x)).chunk(3, -1)
            if past is not None:
                key, value = torch.cat([past[layer][0], key], 1), torch.cat([past[layer][1], value], 1)
            kept.append((key, value))
            allowed = self.allowed(ids, real, seen, layer)
            x = x + self.dropout(self.writes[layer](self.weights(query @ key.mT / WIDTH**0.5, allowed) @ value))
        return self.head(self.norms[2](x)), kept

    def places(self, ids: Tensor, seen: int) -> Tensor:
        return seen + torch.arange(ids.shape[1]).expand_as(ids)

    def allowed(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(real.shape[1])
        return (key[None] <= key[seen:, None]) & real[:, None]

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, float("-inf")).softmax(-1)


def step(model: Decoder, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    return model.read(ids, None, past)


def loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    ids = examples["ids"]
    said = model(ids, ids != PAD)
    return nn.functional.cross_entropy(said[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)


EXAMPLES = {"ids": torch.tensor([[1, 5, 6, 7, 8, 2], [1, 9, 3, 2, 0, 0], [1, 4, 2, 0, 0, 0]])}
