"""An encoder and decoder with a cached step; thirty words."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build, call_translator, real

VOCABULARY = 30


class Past(NamedTuple):
    """The cache: the encoded source, its mask, and the target's vectors."""

    memory: Tensor
    source_real: Tensor
    keys: Tensor | None


class Cross(nn.Module):
    """A layer of attention for the source, two for the target, and a head."""

    def __init__(self, bug: str, width: int = 24) -> None:
        super().__init__()
        self.bug = bug
        self.token = nn.Embedding(VOCABULARY, width)
        self.ordinal = nn.Embedding(40, width)  # places, by a name that does not say so
        self.read, self.reread, self.listen = (nn.MultiheadAttention(width, 3, batch_first=True) for _ in range(3))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        return self.decode(target, Past(self.encode(source, source_real), source_real, None))[0]

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        """Return the source's vectors: ``[b s d]``."""
        x = self.token(source) + self.ordinal(torch.arange(source.shape[1]))
        return x + self.read(x, x, x, key_padding_mask=~source_real, need_weights=False)[0]

    def decode(self, target: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Return the logits after each token, and the cache of all of them."""
        seen = 0 if past.keys is None else past.keys.shape[1]
        new = torch.arange(target.shape[1])
        x = self.token(target) + self.ordinal(new + (0 if self.bug == "step-places" else seen))
        keys = x if past.keys is None else torch.cat([past.keys, x], 1)
        ahead = torch.arange(keys.shape[1])[None] > (new + seen)[:, None]
        x = x + self.reread(x, keys, keys, attn_mask=ahead, need_weights=False)[0]
        unheard = ~past.source_real
        x = x + self.listen(x, past.memory, past.memory, key_padding_mask=unheard, need_weights=False)[0]
        return self.head(self.norm(x)), past._replace(keys=keys)


def step(
    model: Cross, ids: Tensor, past: Past | None, source: Tensor, source_mask: Tensor | None
) -> tuple[Tensor, Past]:
    """Take one step of decoding with a cache; the first encodes the source."""
    if past is None:
        source_real = real(source, source_mask)
        past = Past(model.encode(source, source_real), source_real, None)
    return model.decode(ids, past)


def cross(bug: str = "") -> Build:
    """Return a builder of subjects with a bug."""

    def build(seed: int) -> Subject:
        promised: dict[str, Any] = {"pad": PAD, "bos": BOS, "eos": EOS, "max_length": 30}
        contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, **promised)
        return Subject(Cross(bug), contract, {"call": call_translator, "step": step})

    return build


CASES: tuple[Case, ...] = (
    case("cross/step-places", "cache-mismatch", cross("step-places")),
    case("cross/healthy", None, cross()),
)
