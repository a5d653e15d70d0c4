"""A sliding window of four tokens through three layers, with rotary positions and a rolling cache; 64 words."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract
from seqwright.doctor.visibility import Causal, Window

from .common import Build, call_unmasked, step
from .llama import rotated

VOCABULARY, LENGTH, WINDOW, LAYERS = 64, 64, 4, 3


class Past(NamedTuple):
    """A layer's cache: the number of tokens read, and keys and values of the last ones with their positions."""

    seen: int
    key: Tensor
    value: Tensor
    at: Tensor


class Attention(nn.Module):
    """Attention to the last four tokens."""

    def __init__(self, width: int, bug: str, layer: int, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.bug, self.layer = heads, bug, layer
        self.read, self.write = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        half = width // heads // 2
        self.register_buffer("inv_freq", 1 / 100 ** (torch.arange(0, half).float() / half))

    def forward(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        batch, length, width = x.shape
        seen = 0 if past is None else past.seen
        at = torch.arange(seen, seen + length)
        turned = at % WINDOW if past is not None and self.bug == "places-modulo-window" else at
        query, key, value = (part.view(batch, length, self.heads, -1) for part in self.read(x).chunk(3, -1))
        query, key = rotated(query, turned, self.inv_freq), rotated(key, turned, self.inv_freq)
        key_at = at
        if past is not None:
            key, value = torch.cat([past.key, key], 1), torch.cat([past.value, value], 1)
            key_at = torch.cat([past.at, at])
            if self.bug == "cut-before-attention":
                key, value, key_at = key[:, -WINDOW:], value[:, -WINDOW:], key_at[-WINDOW:]
        kept = WINDOW - 2 if self.bug == "cache-one-short" else WINDOW - 1
        memory = Past(seen + length, key[:, -kept:], value[:, -kept:], key_at[-kept:])
        visible = self.visible(at[:, None], key_at, past is None)
        heard = F.scaled_dot_product_attention(
            *(part.transpose(1, 2) for part in (query, key, value)), attn_mask=visible
        )
        return self.write(heard.transpose(1, 2).reshape(batch, length, width)), memory

    def visible(self, at: Tensor, key_at: Tensor, whole: bool) -> Tensor:
        """Return the keys that each query may attend to, ``[q k]``, in whole rows and in continued ones."""
        back = at - key_at
        past = back >= 0
        if (self.bug == "second-layer-full" and self.layer == 1) or (self.bug == "not-in-forward" and whole):
            return past
        if self.bug == "both-sides":
            return back.abs() < WINDOW
        if self.bug == "first-token-kept":
            return past & ((back < WINDOW) | (key_at == 0))
        return past & (back < (WINDOW + 1 if self.bug == "one-more" else WINDOW))


class WindowModel(nn.Module):
    """Embedding, three layers of attention and feed-forward, and a head."""

    def __init__(self, bug: str, width: int = 24) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.attention = nn.ModuleList(Attention(width, bug, layer) for layer in range(LAYERS))
        self.feedforward = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(LAYERS))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, ids: Tensor, past: list[Past] | None = None, cached: bool = False) -> Any:
        x, memories = self.token(ids), []
        for layer in range(LAYERS):
            heard, memory = self.attention[layer](self.norms[layer](x), None if past is None else past[layer])
            memories.append(memory)
            x = x + heard
            x = x + self.feedforward[layer](x)
        logits = self.head(x)
        return (logits, memories) if cached else logits


def window(bug: str = "", **promised: Any) -> Build:
    """Return a builder of subjects with a bug, and other fields of the contract."""

    def build(seed: int) -> Subject:
        usual = {"kind": "decoder", "vocabulary": VOCABULARY, "max_length": LENGTH}
        contract = Contract(**{**usual, "visibility": Window(WINDOW, layers=LAYERS), **promised})
        return Subject(WindowModel(bug), contract, {"step": step, "call": call_unmasked})

    return build


CASES: tuple[Case, ...] = (
    case("window/one-more", "window-exceeded", window("one-more")),
    case("window/second-layer-full", "window-exceeded", window("second-layer-full"), "cache-mismatch"),
    case("window/first-token-kept", "window-exceeded", window("first-token-kept"), "cache-mismatch"),
    case("window/not-in-forward", "window-exceeded", window("not-in-forward"), "cache-mismatch"),
    case("window/both-sides", "future-leak", window("both-sides")),
    case("window/cache-one-short", "cache-mismatch", window("cache-one-short")),
    case("window/cut-before-attention", "cache-mismatch", window("cut-before-attention")),
    case("window/places-modulo-window", "cache-mismatch", window("places-modulo-window")),
    case("window/healthy", None, window()),
    case("window/layers-unsaid", None, window(visibility=Window(WINDOW, layers=None))),
    case("window/called-causal", None, window(visibility=Causal())),
)
