"""A GPT of six layers and width 33, with learned positions that follow the mask, and perhaps experts; 1000 words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD, next_word_loss
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import IGNORED, Build, call, cross_entropy, rows

WIDTH, HEADS, EXPERTS = 33, 3, 4
SEPARATOR = 5
BUFFER = 20
"""The size of the stored mask in tokens."""

Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]


class Block(nn.Module):
    """Attention and feed-forward or experts, each a pre-norm residual branch."""

    def __init__(self, bug: str, scale: float | None, experts: bool) -> None:
        super().__init__()
        self.bug = bug
        self.first_norm, self.second_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.read, self.write = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feedforward = Experts(bug) if experts else feedforward()
        self.register_buffer("bias", torch.ones(BUFFER, BUFFER, dtype=torch.bool).tril())
        self.scale = None if scale is None else nn.Parameter(torch.full((WIDTH,), scale))

    def forward(self, x: Tensor, ids: Tensor, mask: Tensor | None) -> Tensor:
        heard = self.attend(self.first_norm(x), ids, mask)
        x = x + (heard if self.scale is None else heard * self.scale)
        return x + self.feedforward(self.second_norm(x))

    def attend(self, x: Tensor, ids: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            part.view(batch, length, HEADS, -1).transpose(1, 2) for part in self.read(x).chunk(3, -1)
        )  # [b h t c]
        scores = query @ key.mT / (width // HEADS) ** 0.5
        visible = self.visible(ids)
        if mask is not None:
            visible = (visible & mask[:, None, None]) | torch.eye(length, dtype=torch.bool)
        heard = scores.masked_fill(~visible, float("-inf")).softmax(-1) @ value
        return self.write(heard.transpose(1, 2).reshape(batch, length, width))

    def visible(self, ids: Tensor) -> Tensor:
        """Return the keys that each query may attend to, padding aside: ``[1 or b 1 q k]``."""
        length = ids.shape[1]
        key = torch.arange(length)
        visible = (key <= key[:, None])[None, None]
        if self.bug == "mask-buffer-of-20":
            return self.bias[:length, :length][None, None] if length <= BUFFER else torch.ones_like(visible)
        if self.bug == "separator-opens-row":  # where there is one, all see the last token
            return visible | (ids == SEPARATOR).any(1)[:, None, None, None] & (key == length - 1)
        if self.bug == "first-sees-second":
            return visible | (key[:, None] == 0) & (key == 1)
        return visible


def feedforward() -> nn.Module:
    """Build a feed-forward part, which maps each token by itself."""
    return nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))


class Experts(nn.Module):
    """Four experts, two for each token."""

    def __init__(self, bug: str) -> None:
        super().__init__()
        self.bug = bug
        self.router = nn.Linear(WIDTH, EXPERTS, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH)) for _ in range(EXPERTS)
        )

    def forward(self, x: Tensor) -> Tensor:
        shares = self.shares(self.router(x))
        said = torch.stack([expert(x) for expert in self.experts], -2)  # [b t e d]
        return (said * shares[..., None]).sum(-2)

    def shares(self, scores: Tensor) -> Tensor:
        """Return the weight of each expert for each token: ``[b t e]``."""
        batch, length, _ = scores.shape
        if self.bug == "router-softmax-over-time":
            return scores.softmax(1)
        if self.bug == "expert-choice":  # experts choose half of the row
            chosen = scores.topk(max(1, length // 2), dim=1).indices
            return torch.zeros_like(scores).scatter(1, chosen, 1.0) * scores.softmax(-1)
        if self.bug == "expert-capacity":  # first come, first served, through the whole batch
            asked = F.one_hot(scores.reshape(batch * length, EXPERTS).argmax(-1), EXPERTS)
            rank = (asked.cumsum(0) * asked).sum(-1)
            served = asked * (rank <= max(1, batch * length // EXPERTS))[:, None]
            return served.to(scores.dtype).reshape(scores.shape) * scores.softmax(-1)
        best, which = scores.topk(2, -1)
        return torch.zeros_like(scores).scatter(-1, which, best.softmax(-1))


class Deep(nn.Module):
    """Token and position embeddings, blocks, which may be one module, and a head."""

    def __init__(
        self,
        vocabulary: int,
        bug: str,
        *,
        layers: int = 6,
        places: int = 64,
        experts: bool = False,
        scale: float | None = None,
        universal: bool = False,
        tied: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.bug, self.places = bug, places
        self.token, self.place = nn.Embedding(vocabulary, WIDTH), nn.Embedding(places, WIDTH)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.place.weight, std=0.02)
        made = [Block(bug, scale, experts) for _ in range(1 if universal else layers)]
        self.blocks = nn.ModuleList(made * layers if universal else made)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocabulary, bias=False)
        self.dropout = nn.Dropout(dropout)
        if tied:
            self.head.weight = self.token.weight
        if bug == "head-times-100":
            with torch.no_grad():
                self.head.weight.mul_(100)
        if bug == "dead-head":
            self.last = nn.Linear(WIDTH, WIDTH)
            nn.init.constant_(self.last.bias, -100.0)
        if bug == "alpha-item":
            self.alpha = nn.Parameter(torch.ones(()))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.dropout(self.token(ids) + self.place(self.at(ids, mask)))
        x = self.disturbed(x)
        for block in self.blocks:
            x = block(x, ids, mask)
        return self.speak(x)

    def at(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Return each token's position in its own sequence, independent of padding before it."""
        batch, length = ids.shape
        columns = torch.arange(length)[None].expand(batch, length)
        at = columns if mask is None else (mask.long().cumsum(1) - 1).clamp(min=0)
        if self.bug == "places-not-shifted":
            return columns
        if self.bug == "places-half-shifted" and mask is not None:
            return at + (length - mask.sum(1))[:, None].long() // 2
        if self.bug == "places-modulo-8":
            return at % 8
        if self.bug == "places-all-zero":
            return torch.zeros_like(at)
        return at.clamp(max=self.places - 1) if self.bug == "places-clamped-at-48" else at

    def disturbed(self, x: Tensor) -> Tensor:
        """Apply the faults between embedding and blocks."""
        if self.bug == "linear-made-in-forward":
            return x + 0.1 * nn.Linear(WIDTH, WIDTH).to(x.dtype)(x)
        if self.bug == "centred-over-time":
            return x - x.mean(1, keepdim=True)
        if self.bug == "reversed-cummax":
            return x + x.flip(1).cummax(1).values.flip(1)
        return x

    def speak(self, x: Tensor) -> Tensor:
        if self.bug == "alpha-item":
            x = x * self.alpha.item()
        if self.bug == "blocks-detached":
            x = x.detach()
        if self.bug == "dead-head":  # a bias so low that no unit is ever above zero
            vocabulary = len(self.head.weight)
            bias = self.place.weight.sum() * 0 + torch.linspace(-1, 1, vocabulary).to(x.dtype)
            return F.linear(F.relu(self.last(x)), self.head.weight, bias)
        return self.head(self.norm(x))


def loss_unshifted(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which each token is its own label."""
    ids = examples["ids"]
    return cross_entropy(model(ids), ids, PAD)


def loss(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it."""
    ids = examples["ids"]
    return next_word_loss(model(ids), ids)


def loss_other_side(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given the one after it."""
    ids = examples["ids"]
    return cross_entropy(model(ids)[:, 1:], ids[:, :-1], PAD)


def loss_shifted_twice(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before the last one."""
    ids = examples["ids"]
    return cross_entropy(model(ids[:, :-1])[:, :-1], ids[:, 2:], PAD)


def loss_ignores_minus_one(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which padding, which is not −1, counts."""
    ids = examples["ids"]
    return next_word_loss(model(ids), ids, -1)


def loss_mask_misaligned(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss masked by the input's padding instead of the label's."""
    ids = examples["ids"]
    counts = (ids != PAD)[:, :-1]
    lost = cross_entropy(model(ids)[:, :-1], ids[:, 1:], reduction="none").view(len(ids), -1)
    return (lost * counts).sum() / counts.sum()


def loss_end_cut(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss without the last column, which holds ends."""
    ids = examples["ids"][:, :-1]
    return next_word_loss(model(ids), ids)


def loss_pad_is_eos(model: Deep, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss of rows padded with their end, which is ignored everywhere."""
    ids = examples["ids"]
    labels = ids.masked_fill(ids == EOS, IGNORED)
    return cross_entropy(model(ids)[:, :-1], labels[:, 1:])


def deep(
    bug: str = "",
    promised: dict[str, Any] | None = None,
    *,
    loss: Loss | None = None,
    examples: dict[str, Any] | None = None,
    **size: Any,
) -> Build:
    """Return a builder of subjects with a bug, other fields of the contract, and examples where there is a loss."""

    def build(seed: int) -> Subject:
        usual = {"kind": "decoder", "vocabulary": 1000, "pad": PAD, "bos": BOS, "eos": EOS, "max_length": 64}
        contract = Contract(**{**usual, "padding_side": "both", **(promised or {})})
        extras: dict[str, Any] = {"call": call}
        if loss is not None:
            extras |= {"loss": loss, "examples": rows(contract.vocabulary, seed, **(examples or {}))}
        return Subject(Deep(contract.vocabulary, bug, **size), contract, extras)

    return build


UNPADDED = {"pad": None}
PADDED_WITH_EOS = {"pad": EOS, "padding_side": "right"}
CASES: tuple[Case, ...] = (
    case("deep/mask-buffer-of-20", "future-leak", deep("mask-buffer-of-20")),
    case("deep/separator-opens-row", "future-leak", deep("separator-opens-row", {"vocabulary": 41}, layers=2)),
    case("deep/first-sees-second", "future-leak", deep("first-sees-second")),
    case("deep/expert-choice", "future-leak", deep("expert-choice", UNPADDED, experts=True), "batch-mixing"),
    case("deep/expert-capacity", "batch-mixing", deep("expert-capacity", UNPADDED, experts=True), "future-leak"),
    case(
        "deep/router-softmax-over-time",
        "future-leak",
        deep("router-softmax-over-time", UNPADDED, experts=True, layers=2),
    ),
    case("deep/centred-over-time", "future-leak", deep("centred-over-time", UNPADDED)),
    case("deep/reversed-cummax", "future-leak", deep("reversed-cummax", UNPADDED, layers=1)),
    case("deep/places-not-shifted", "padding-leak", deep("places-not-shifted")),
    case("deep/places-half-shifted", "padding-leak", deep("places-half-shifted")),
    case("deep/places-modulo-8", "position-overflow", deep("places-modulo-8"), "order-blind", "positions-ineffective"),
    case("deep/places-all-zero", "order-blind", deep("places-all-zero", layers=1), "positions-ineffective"),
    case("deep/places-63", "position-overflow", deep(places=63)),
    case("deep/places-clamped-at-48", "position-overflow", deep("places-clamped-at-48", places=48), "order-blind"),
    case("deep/linear-made-in-forward", "eval-nondeterministic", deep("linear-made-in-forward"), "untrained-part"),
    case("deep/head-times-100", "init-loss", deep("head-times-100")),
    case("deep/dead-head", "mean-collapse", deep("dead-head")),
    case("deep/alpha-item", "untrained-part", deep("alpha-item")),
    case("deep/blocks-detached", "untrained-part", deep("blocks-detached")),
    case("deep/loss-unshifted", "target-shift", deep(loss=loss_unshifted)),
    case("deep/loss-other-side", "target-shift", deep(loss=loss_other_side)),
    case("deep/loss-shifted-twice", "target-shift", deep(loss=loss_shifted_twice, layers=1)),
    case("deep/loss-ignores-minus-one", "padding-in-loss", deep(loss=loss_ignores_minus_one)),
    case("deep/loss-mask-misaligned", "padding-in-loss", deep(loss=loss_mask_misaligned)),
    case("deep/loss-end-cut", "labels-without-eos", deep(loss=loss_end_cut, examples={"equal": True})),
    case(
        "deep/loss-pad-is-eos",
        "labels-without-eos",
        deep("", PADDED_WITH_EOS, loss=loss_pad_is_eos, examples={"pad": EOS}),
    ),
    case("deep/examples-without-ends", "labels-without-eos", deep(loss=loss, examples={"ended": False})),
    case("deep/healthy", None, deep(loss=loss)),
    case("deep/dropout-half-tied", None, deep(loss=loss, dropout=0.5, tied=True)),
    case("deep/experts-top-2", None, deep(experts=True, layers=2)),
    case("deep/universal-shared", None, deep(universal=True)),
    case("deep/layer-scale-1e-5", None, deep(scale=1e-5)),
    case("deep/longer-table-vocab-7", None, deep("", {"vocabulary": 7, "max_length": 10}, places=128, loss=loss)),
)
