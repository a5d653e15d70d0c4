"""A Llama written by hand: RMSNorm, rotary positions, grouped queries, SwiGLU and a cache; padding on both sides."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build, call, cross_entropy, rows, step

VOCABULARY = 97
NO_PADDING = {"kind": "decoder", "vocabulary": VOCABULARY, "max_length": 48}
PADDING = {**NO_PADDING, "pad": PAD, "bos": BOS, "eos": EOS, "padding_side": "both"}
Memory = tuple[Tensor, Tensor]


class RMSNorm(nn.Module):
    """RMSNorm over the features, or over too many dimensions."""

    def __init__(self, width: int, bug: str = "") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.axes = {"rms-over-time": (1,), "rms-over-all": (1, 2)}.get(bug, (-1,))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(self.axes, keepdim=True) + 1e-6) * self.weight


def rotated(x: Tensor, at: Tensor, frequencies: Tensor) -> Tensor:
    """Rotate ``x [b t h c]`` by the positions ``at [t]``."""
    angle = (at.to(x.dtype)[:, None] * frequencies.to(x.dtype))[None, :, None]
    one, other = x.chunk(2, -1)
    return torch.cat([one * angle.cos() - other * angle.sin(), other * angle.cos() + one * angle.sin()], -1)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(
        self, width: int, heads: int, groups: int, bug: str, odd: tuple[str, ...], last_place: int | None, layer: int
    ) -> None:
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.bug, self.odd, self.last_place, self.layer = bug, odd, last_place, layer
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, groups * self.size, bias=False)
        self.value = nn.Linear(width, groups * self.size, bias=False)
        self.write = nn.Linear(width, width, bias=False)
        half = self.size // 2
        self.register_buffer("inv_freq", 1 / 10000 ** (torch.arange(0, half).float() / half))
        self.longest = 0
        if "qk-norm" in odd:
            self.query_norm, self.key_norm = RMSNorm(self.size), RMSNorm(self.size)

    def forward(self, x: Tensor, real: Tensor | None, past: Memory | None) -> tuple[Tensor, Memory]:
        batch, length, width = x.shape
        seen = 0 if past is None else past[0].shape[1]
        query = self.query(x).view(batch, length, self.heads, self.size)
        key = self.key(x).view(batch, length, self.groups, self.size)
        value = self.value(x).view(batch, length, self.groups, self.size)
        if "qk-norm" in self.odd:
            query, key = self.query_norm(query), self.key_norm(key)
        query, key, value = self.placed(query, key, value, past, seen)
        memory = self.remembered(key, value, past, length)
        visible = self.visible(batch, length, key.shape[1], seen, real)
        shared = self.heads // self.groups
        key, value = (part.repeat_interleave(shared, 2).transpose(1, 2) for part in (key, value))
        mixed = self.mix(query.transpose(1, 2), key, value, visible)  # [b h t c]
        if self.bug != "merge-without-transpose":
            mixed = mixed.transpose(1, 2)
        return self.write(mixed.reshape(batch, length, width)), memory

    def placed(
        self, query: Tensor, key: Tensor, value: Tensor, past: Memory | None, seen: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return rotated queries and keys, and values, appended to the cache."""
        length = query.shape[1]
        if self.bug == "rope-table-of-40" and seen + length > 40:
            raise IndexError("rope table of 40 places")
        at, frequencies = self.places(seen, length), self.frequencies(seen + length)
        if self.bug == "rope-twice":  # what is remembered is turned already
            key, value = behind(past, key, value)
            every = torch.arange(key.shape[1])
            return rotated(query, at, frequencies), rotated(key, every, frequencies), value
        if self.bug == "rope-on-heads":
            query = rotated(query.transpose(1, 2), torch.arange(self.heads), frequencies).transpose(1, 2)
            key = rotated(key.transpose(1, 2), torch.arange(self.groups), frequencies).transpose(1, 2)
        else:
            query, key = rotated(query, at, frequencies), rotated(key, at, frequencies)
        return query, *behind(past, key, value)

    def places(self, seen: int, length: int) -> Tensor:
        """Return the tokens' positions: ``[t]``."""
        at = torch.arange(seen, seen + length)
        if self.bug == "step-offset-zero":
            at = torch.arange(length)
        if self.bug == "step-offset-one" and seen:
            at = at + 1
        return at if self.last_place is None else at.clamp(max=self.last_place)

    def frequencies(self, length: int) -> Tensor:
        """Return the frequency of each pair of features; with the bug lower for good after a long input."""
        if self.bug == "ntk-stateful":
            self.longest = max(self.longest, length)
            return self.inv_freq / max(1.0, self.longest / 16)
        return self.inv_freq

    def remembered(self, key: Tensor, value: Tensor, past: Memory | None, length: int) -> Memory:
        """Return the keys and values to keep for the next step."""
        if past is not None and self.bug == "cache-drops-first" and key.shape[1] > 12:
            return key[:, 1:], value[:, 1:]
        if past is not None and self.bug == "cache-repeats-last-value":
            return key, torch.cat([past[1], past[1][:, -1:].expand(-1, length, -1, -1)], 1)
        return key, value

    def visible(self, batch: int, length: int, keys: int, seen: int, real: Tensor | None) -> Tensor:
        """Return the keys that each query may attend to: ``[b h q k]``; each may attend to itself, so that padding has a key."""
        visible = torch.arange(keys)[None] <= torch.arange(seen, seen + length)[:, None]
        if (self.bug == "causal-first-layer-only" and self.layer > 0) or self.bug == "leak-behind-zero-gate":
            visible = torch.ones_like(visible)
        visible = visible[None, None].expand(batch, self.heads, length, keys).clone()
        if self.bug == "one-head-unmasked" and self.layer == 1:
            visible[:, 2] = True
        if real is None:
            return visible
        if self.bug == "mask-from-lengths":
            real = torch.arange(keys)[None] < real.sum(1)[:, None]
        if not (self.bug == "padding-not-in-layer-2" and self.layer == 1):
            visible = visible & real[:, None, None, :]
        return visible if self.bug == "left-padding-nan" else visible | torch.eye(length, keys, dtype=torch.bool)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
        """Return the weighted values of each query: ``[b h q c]``."""
        if "softcap" in self.odd or self.bug == "left-padding-nan":
            scores = query @ key.mT / self.size**0.5
            if "softcap" in self.odd:
                scores = 5 * torch.tanh(scores / 5)
            return scores.masked_fill(~visible, float("-inf")).softmax(-1) @ value
        mask = visible.to(query.dtype) if self.bug == "float-mask" else visible
        dropout = 0.1 if self.bug == "sdpa-dropout" else 0.0
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


def behind(past: Memory | None, key: Tensor, value: Tensor) -> Memory:
    """Append keys and values to the cached ones."""
    if past is None:
        return key, value
    return torch.cat([past[0], key], 1), torch.cat([past[1], value], 1)


class Layer(nn.Module):
    """Attention and SwiGLU, each a residual branch, in sequence or in parallel."""

    def __init__(self, width: int, bug: str, odd: tuple[str, ...], attention: Attention, first_norm: RMSNorm) -> None:
        super().__init__()
        self.odd = odd
        self.first_norm, self.second_norm = first_norm, RMSNorm(width)
        self.attention = attention
        self.gate, self.up = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)
        gated = bug == "leak-behind-zero-gate" or "rezero" in odd
        self.zero = nn.Parameter(torch.zeros(1)) if gated else None

    def forward(self, x: Tensor, real: Tensor | None, past: Memory | None) -> tuple[Tensor, Memory]:
        heard, memory = self.attention(self.first_norm(x), real, past)
        if "parallel" in self.odd:
            return x + heard + self.feedforward(self.second_norm(x)), memory
        share = 1 if self.zero is None else self.zero
        x = x + share * heard
        return x + share * self.feedforward(self.second_norm(x)), memory

    def feedforward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Llama(nn.Module):
    """Embedding, layers and head."""

    def __init__(
        self,
        bug: str = "",
        odd: tuple[str, ...] = (),
        *,
        width: int = 30,
        heads: int = 3,
        groups: int = 1,
        layers: int = 3,
        last_place: int | None = None,
    ) -> None:
        super().__init__()
        self.bug = bug
        self.token = nn.Embedding(VOCABULARY, width)
        nn.init.normal_(self.token.weight, std=0.02)
        self.layers = nn.ModuleList(
            Layer(width, bug, odd, Attention(width, heads, groups, bug, odd, last_place, layer), RMSNorm(width, bug))
            for layer in range(layers)
        )
        self.norm, self.head = RMSNorm(width), nn.Linear(width, VOCABULARY, bias=False)
        if "tied" in odd or bug == "tied-init-1":
            self.head.weight = self.token.weight
        if bug == "tied-init-1":
            nn.init.normal_(self.token.weight)
        if bug == "head-cloned":
            self.head.weight = nn.Parameter(self.token.weight.clone())
        self.kept: list[Memory] | None = None

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, past: list[Memory] | None = None, cached: bool = False
    ) -> Any:
        x = self.token(ids)
        if self.bug == "embedding-data":
            x = self.token.weight.data[ids]
        if self.bug == "cache-never-reset" and past is None and self.kept and len(self.kept[0][0]) == len(ids):
            past = self.kept
        if past is not None and mask is not None:
            mask = torch.cat([torch.ones(len(ids), past[0][0].shape[1], dtype=torch.bool), mask], 1)
        memories = []
        for index, layer in enumerate(self.layers):
            x, memory = layer(x, mask, None if past is None else past[index])
            memories.append(memory)
        if self.bug == "cache-never-reset":
            self.kept = [(key.detach(), value.detach()) for key, value in memories]
        logits = self.head(self.norm(x))
        return (logits, memories) if cached else logits


def loss(model: Llama, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it."""
    ids = examples["ids"]
    return cross_entropy(model(ids[:, :-1], ids[:, :-1] != PAD), ids[:, 1:], PAD)


def llama(bug: str, promised: dict[str, Any] = PADDING, *, steps: bool = False, **size: Any) -> Build:
    """Return a builder of subjects with a bug, with a cached step or without."""

    def build(seed: int) -> Subject:
        return Subject(Llama(bug, **size), Contract(**promised), {"call": call, **({"step": step} if steps else {})})

    return build


def healthy(*odd: str, **size: Any) -> Build:
    """Return a builder of healthy subjects with every function, perhaps odd."""

    def build(seed: int) -> Subject:
        extras = {"call": call, "step": step, "loss": loss, "examples": rows(VOCABULARY, seed)}
        return Subject(Llama("", odd, **size), Contract(**PADDING), extras)

    return build


CASES: tuple[Case, ...] = (
    case("llama/float-mask", "future-leak", llama("float-mask"), "padding-leak"),
    case("llama/causal-first-layer-only", "future-leak", llama("causal-first-layer-only")),
    case("llama/leak-behind-zero-gate", "future-leak", llama("leak-behind-zero-gate", layers=1)),
    case("llama/one-head-unmasked", "future-leak", llama("one-head-unmasked")),
    case("llama/rms-over-time", "future-leak", llama("rms-over-time", NO_PADDING)),
    case("llama/rms-over-all", "future-leak", llama("rms-over-all", NO_PADDING, layers=6)),
    case("llama/merge-without-transpose", "future-leak", llama("merge-without-transpose", NO_PADDING)),
    case("llama/step-offset-zero", "cache-mismatch", llama("step-offset-zero", steps=True)),
    case("llama/step-offset-one", "cache-mismatch", llama("step-offset-one", steps=True)),
    case("llama/rope-twice", "cache-mismatch", llama("rope-twice", steps=True)),
    case("llama/cache-drops-first", "cache-mismatch", llama("cache-drops-first", steps=True)),
    case("llama/cache-repeats-last-value", "cache-mismatch", llama("cache-repeats-last-value", steps=True)),
    case("llama/rope-on-heads", "order-blind", llama("rope-on-heads", layers=1), "positions-ineffective"),
    case("llama/rope-clamped-at-32", "position-overflow", llama("", last_place=31), "order-blind"),
    case("llama/rope-table-of-40", "position-overflow", llama("rope-table-of-40")),
    case("llama/cache-never-reset", "stateful", llama("cache-never-reset", NO_PADDING)),
    case("llama/ntk-stateful", "stateful", llama("ntk-stateful", steps=True), "cache-mismatch"),
    case("llama/mask-from-lengths", "padding-leak", llama("mask-from-lengths")),
    case("llama/padding-not-in-layer-2", "padding-leak", llama("padding-not-in-layer-2")),
    case("llama/left-padding-nan", "nan", llama("left-padding-nan"), "padding-leak"),
    case("llama/sdpa-dropout", "eval-nondeterministic", llama("sdpa-dropout")),
    case("llama/head-cloned", "tied-weights", llama("head-cloned")),
    case("llama/tied-init-1", "init-loss", llama("tied-init-1", width=96, heads=6, groups=2)),
    case("llama/embedding-data", "untrained-part", llama("embedding-data")),
    case("llama/healthy", None, healthy()),
    case("llama/parallel-block", None, healthy("parallel")),
    case("llama/six-deep-gqa", None, healthy(layers=6, width=48, heads=6, groups=2)),
    case("llama/tied", None, healthy("tied")),
    case("llama/rezero", None, healthy("rezero")),
    case("llama/qk-norm-softcap", None, healthy("qk-norm", "softcap")),
)
