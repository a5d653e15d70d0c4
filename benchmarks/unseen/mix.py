"""Mixers without softmax: long convolutions by FFT, linear attention, a diagonal state space, a token shift."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build, call_unmasked, step

VOCABULARY, LENGTH = 60, 64


class Mixer(nn.Module):
    """A layer that mixes three projections over time, and a feed-forward part."""

    def __init__(self, width: int, bug: str) -> None:
        super().__init__()
        self.bug = bug
        self.norm = nn.LayerNorm(width)
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.prepare(width)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def prepare(self, width: int) -> None:
        """Make further parameters."""

    def forward(self, x: Tensor, past: Any) -> tuple[Tensor, Any]:
        mixed, memory = self.mix(*self.read(self.shifted(self.norm(x))).chunk(3, -1), past)
        x = x + self.write(mixed)
        return x + self.feedforward(x), memory

    def shifted(self, x: Tensor) -> Tensor:
        """Return the input of the projections."""
        return x

    def mix(self, query: Tensor, key: Tensor, value: Tensor, past: Any) -> tuple[Tensor, Any]:
        """Return the mixed vectors, ``[b t d]``, and the state."""
        raise NotImplementedError


class Hyena(Mixer):
    """A convolution as long as the row, between gates."""

    def prepare(self, width: int) -> None:
        self.filter = nn.Parameter(torch.randn(LENGTH, width) * 0.2)
        self.skip = nn.Parameter(torch.ones(width))

    def mix(self, query: Tensor, key: Tensor, value: Tensor, past: Any) -> tuple[Tensor, Any]:
        return query * (self.convolved(key * value) + self.skip * value), None

    def convolved(self, x: Tensor) -> Tensor:
        """Convolve by FFT; without zero padding the row's end wraps round to its beginning."""
        length = x.shape[1]
        room = length if self.bug == "fft-circular" else 2 * length
        spectrum = torch.fft.rfft(x, n=room, dim=1) * torch.fft.rfft(self.filter[:length], n=room, dim=0)
        return torch.fft.irfft(spectrum, n=room, dim=1)[:, :length]


class StateSpace(Mixer):
    """A state with a decay for each feature, and gates on its input."""

    def prepare(self, width: int) -> None:
        self.decay = nn.Parameter(torch.linspace(-2, 3, width))
        self.kept: Tensor | None = None

    def mix(self, query: Tensor, key: Tensor, value: Tensor, past: Any) -> tuple[Tensor, Any]:
        state, states = self.first(value) if past is None else past, []
        for place in range(value.shape[1]):
            gate = torch.sigmoid(key.mean(1) if self.bug == "gate-over-time" else key[:, place])
            if past is None or self.bug != "step-without-decay":
                state = torch.sigmoid(self.decay) * state
            state = state + gate * value[:, place]
            if self.bug == "mean-of-batch":
                state = state + 0.1 * value[:, place].mean(0)
            states.append(state)
        if self.bug == "keeps-state":
            self.kept = state.detach()
        return torch.stack(states, 1) * query, state

    def first(self, value: Tensor) -> Tensor:
        """Return the first state of a row: ``[b d]``."""
        if self.bug == "keeps-state" and self.kept is not None:
            return self.kept.to(value.dtype).mean(0, keepdim=True).expand(len(value), -1)
        return torch.zeros(len(value), value.shape[-1], dtype=value.dtype)


class LinearAttention(Mixer):
    """Attention without softmax: running sums of keys and values."""

    heads = 2

    def mix(self, query: Tensor, key: Tensor, value: Tensor, past: Any) -> tuple[Tensor, Any]:
        query, key, value = (part.unflatten(-1, (self.heads, -1)) for part in (query, key, value))  # [b t h c]
        query, key = F.elu(query) + 1, F.elu(key) + 1
        along = 0 if self.bug == "cumsum-batch" else 1
        sums = torch.einsum("bthe,bthf->bthef", key, value).cumsum(along)
        totals = key.cumsum(along)
        if self.bug == "normaliser-over-all":
            totals = key.sum(1, keepdim=True).expand_as(key)
        if self.bug == "chunk-of-16" and key.shape[1] > 16:
            sums, totals = chunked(sums), chunked(totals)
        if past is not None:
            sums = sums + past[0][:, None]
            totals = totals + (0 if self.bug == "step-normaliser" else past[1][:, None])
        heard = torch.einsum("bthe,bthef->bthf", query, sums) / torch.einsum("bthe,bthe->bth", query, totals)[..., None]
        return heard.flatten(2), (sums[:, -1], totals[:, -1])


def chunked(sums: Tensor) -> Tensor:
    """Replace sums ``[b t …]`` by those at the end of each chunk of 16, except in the first chunk."""
    length = sums.shape[1]
    chunk = torch.arange(length) // 16
    end = ((chunk + 1) * 16 - 1).clamp(max=length - 1)
    later = (chunk > 0).view(-1, *[1] * (sums.ndim - 2))
    return torch.where(later, sums[:, end], sums)


class TokenShift(LinearAttention):
    """Linear attention with a token shift."""

    def prepare(self, width: int) -> None:
        self.share = nn.Parameter(torch.full((width,), 0.5))

    def shifted(self, x: Tensor) -> Tensor:
        return x * self.share + self.before(x) * (1 - self.share)

    def before(self, x: Tensor) -> Tensor:
        """Return each token's predecessor."""
        if self.bug == "shift-wrong-way":
            return F.pad(x[:, 1:], (0, 0, 0, 1))
        if self.bug == "roll-time":
            return x.roll(1, 1)
        if self.bug == "roll-batch":
            return x.roll(1, 0)
        return F.pad(x[:, :-1], (0, 0, 1, 0))


class MixModel(nn.Module):
    """Embedding, layers of one kind and a head."""

    def __init__(self, kind: type[Mixer], bug: str, layers: int, width: int = 26) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.layers = nn.ModuleList(kind(width, bug) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY)

    def forward(self, ids: Tensor, past: list[Any] | None = None, cached: bool = False) -> Any:
        x, memories = self.token(ids), []
        for index, layer in enumerate(self.layers):
            x, memory = layer(x, None if past is None else past[index])
            memories.append(memory)
        logits = self.head(self.norm(x))
        return (logits, memories) if cached else logits


def mix(kind: type[Mixer], bug: str = "", *, layers: int = 2, steps: bool = False) -> Build:
    """Return a builder of subjects of a kind with a bug, with a cached step or without."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="decoder", vocabulary=VOCABULARY, max_length=LENGTH)
        return Subject(
            MixModel(kind, bug, layers), contract, {"call": call_unmasked, **({"step": step} if steps else {})}
        )

    return build


CASES: tuple[Case, ...] = (
    case("mix/fft-circular", "future-leak", mix(Hyena, "fft-circular")),
    case("mix/linear-cumsum-batch", "batch-mixing", mix(LinearAttention, "cumsum-batch")),
    case("mix/linear-normaliser-over-all", "future-leak", mix(LinearAttention, "normaliser-over-all")),
    case("mix/linear-chunk-of-16", "future-leak", mix(LinearAttention, "chunk-of-16", steps=True)),
    case("mix/linear-step-normaliser", "cache-mismatch", mix(LinearAttention, "step-normaliser", steps=True)),
    case("mix/ssm-gate-over-time", "future-leak", mix(StateSpace, "gate-over-time")),
    case("mix/ssm-mean-of-batch", "batch-mixing", mix(StateSpace, "mean-of-batch")),
    case("mix/ssm-step-without-decay", "cache-mismatch", mix(StateSpace, "step-without-decay", steps=True)),
    case("mix/ssm-keeps-state", "stateful", mix(StateSpace, "keeps-state")),
    case("mix/shift-wrong-way", "future-leak", mix(TokenShift, "shift-wrong-way", layers=4), "past-blocked"),
    case("mix/roll-time", "future-leak", mix(TokenShift, "roll-time", layers=4)),
    case("mix/roll-batch", "batch-mixing", mix(TokenShift, "roll-batch", layers=4)),
    case("mix/hyena", None, mix(Hyena, layers=3)),
    case("mix/linear", None, mix(LinearAttention, steps=True)),
    case("mix/ssm", None, mix(StateSpace, steps=True)),
    case("mix/token-shift", None, mix(TokenShift, layers=12)),
)
