"""A tagger like BERT, six layers deep, thirty wide, three heads; padding on both sides."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from patients.case import Case, Subject, case
from patients.rows import PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import IGNORED, Build, cross_entropy, real, rows

VOCABULARY, PLACES, WIDTH, HEADS = 120, 34, 30, 3
Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]


class Layer(nn.Module):
    """Attention and feed-forward, post-norm."""

    def __init__(self, bug: str, layer: int) -> None:
        super().__init__()
        self.bug, self.layer = bug, layer
        self.read, self.write = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.first_norm, self.second_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.feedforward = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            part.view(batch, length, HEADS, -1).transpose(1, 2) for part in self.read(x).chunk(3, -1)
        )  # [b h t c]
        scores = self.masked(query @ key.mT / (width // HEADS) ** 0.5, mask)
        heard = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)
        x = self.first_norm(x + self.write(heard))
        return self.second_norm(x + self.feedforward(x))

    def masked(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Mask padding in scores ``[b h q k]``."""
        keys, queries = mask[:, None, None, :].to(scores.dtype), mask[:, None, :, None].to(scores.dtype)
        lowest = torch.finfo(scores.dtype).min
        if self.bug == "mask-not-in-layer-4" and self.layer == 3:
            keys = torch.ones_like(keys)
        if self.bug == "mask-on-queries":
            return scores.masked_fill(queries == 0, lowest)
        if self.bug == "mask-multiplied":
            return scores * keys
        if self.bug == "mask-added-1e4":
            return scores + (1 - keys) * -1e4
        if self.bug == "polarity":
            return scores + (1.0 - keys) * 1e4
        if self.bug == "float-mask-added":
            return scores + keys
        if self.bug == "mask-in-two-of-three-heads":
            keys = keys.expand(-1, HEADS, -1, -1).clone()
            keys[:, 1] = 1
        if self.bug == "padding-both-ways-nan":
            return scores.masked_fill(keys * queries == 0, float("-inf"))
        if self.bug == "mask-of-whole-batch":
            keys = keys.amin(0, keepdim=True).expand_as(keys)
        return scores.masked_fill(keys == 0, lowest)


class Tagger(nn.Module):
    """Token and position embeddings, normalised; layers, which may be one module; and a label for each token."""

    def __init__(
        self, bug: str, *, labels: int, layers: int, shared: bool, frozen: bool, dropout: float, named: bool
    ) -> None:
        super().__init__()
        self.bug, self.named = bug, named
        self.token = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD)
        self.place, self.norm = nn.Embedding(PLACES, WIDTH), nn.LayerNorm(WIDTH)
        if bug == "norm-gradient-at-zero":
            self.token = nn.Embedding(VOCABULARY, WIDTH)
            with torch.no_grad():
                self.token.weight[PAD] = 0
        made = [Layer(bug, layer) for layer in range(1 if shared else layers)]
        if shared:
            made = made * layers
        self.layers = made if bug == "plain-list" else nn.ModuleList(made)
        if bug == "deepcopied":
            self.layers = nn.ModuleList(copy.deepcopy(made[0]) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head, self.pool = nn.Linear(WIDTH, labels), nn.Linear(WIDTH, WIDTH)
        self.scale = torch.ones(WIDTH, requires_grad=True) if bug == "loose-scale" else None
        if frozen:
            self.token.weight.requires_grad_(False)
            self.place.weight.requires_grad_(False)
        if bug == "places-1e-6":
            nn.init.normal_(self.place.weight, std=1e-6)

    def forward(self, ids: Tensor, mask: Tensor) -> Any:
        x = self.norm(self.words(ids) + self.placed(ids, mask))
        x = nn.Dropout(0.1)(x) if self.bug == "new-dropout-in-forward" else self.dropout(x)
        x = self.disturbed(x)
        for layer in self.layers:
            x = layer(x, mask)
        logits = self.head(x)
        return {"hidden": x, "logits": logits, "pooled": x[:, 0]} if self.named else logits

    def words(self, ids: Tensor) -> Tensor:
        """Return the tokens' vectors; divided by their norm, they have no finite gradient at padding's zeros."""
        x = self.token(ids)
        if self.bug == "norm-gradient-at-zero":
            return x / (x.pow(2).sum(-1, keepdim=True).sqrt() + 1e-6)
        return x

    def placed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the positions' vectors: padding's own, then those from one on, independent of padding before."""
        at = (mask.cumsum(1) * mask).clamp(max=PLACES - 1)
        if self.bug == "places-unshifted":
            at = torch.arange(ids.shape[1])[None]
        if self.bug == "places-of-batch":
            at = torch.arange(ids.shape[0])[:, None]
        places = self.place(at)
        if self.bug == "places-times-zero":
            return places * 0
        return places.detach() if self.bug == "places-detached" else places

    def disturbed(self, x: Tensor) -> Tensor:
        """Apply the faults between embedding and layers."""
        if self.scale is not None:
            return x * self.scale.to(x.dtype)
        if self.bug == "scaled-in-eval" and not self.training:
            return x * 0.9
        if self.bug == "train-only-branch" and self.training:
            return x + self.pool(x.mean(1, keepdim=True))
        if self.bug == "mean-over-padding":
            return x + torch.tanh(self.pool(x.mean(1, keepdim=True)))
        if self.bug == "batch-mean":
            return x - x.mean(0, keepdim=True) * 0.5
        return x


def call(model: Tagger, ids: Tensor, mask: Tensor | None) -> Tensor:
    """Return the logits of an output."""
    said = model(ids, real(ids, mask))
    return said["logits"] if isinstance(said, dict) else said


def loss(model: Tagger, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of one of five labels for each token, a function of the token."""
    ids = examples["ids"]
    return cross_entropy(call(model, ids, ids != PAD), (ids * 7 % 5).masked_fill(ids == PAD, IGNORED))


def loss_counts_padding(model: Tagger, examples: dict[str, Tensor]) -> Tensor:
    """Compute a loss in which padding has a label like any token."""
    ids = examples["ids"]
    return cross_entropy(call(model, ids, ids != PAD), ids * 7 % 5, -1)


def loss_shifted(model: Tagger, examples: dict[str, Tensor]) -> Tensor:
    """Compute a next-token loss of an encoder."""
    ids = examples["ids"]
    labels = ids.masked_fill(ids == PAD, IGNORED)
    return cross_entropy(call(model, ids, ids != PAD)[:, :-1], labels[:, 1:])


def tagger(
    bug: str = "",
    *,
    loss: Loss | None = None,
    labels: int = VOCABULARY,
    layers: int = 6,
    shared: bool = False,
    frozen: bool = False,
    dropout: float = 0.1,
    named: bool = False,
) -> Build:
    """Return a builder of subjects with a bug; with examples where there is a loss."""

    def build(seed: int) -> Subject:
        extras: dict[str, Any] = {"call": call}
        if loss is not None:
            extras |= {"loss": loss, "examples": rows(VOCABULARY, seed, begun=False, ended=False)}
        model = Tagger(bug, labels=labels, layers=layers, shared=shared, frozen=frozen, dropout=dropout, named=named)
        contract = Contract(kind="encoder", vocabulary=VOCABULARY, pad=PAD, max_length=32, padding_side="both")
        return Subject(model, contract, extras)

    return build


CASES: tuple[Case, ...] = (
    case("tagger/mask-on-queries", "padding-leak", tagger("mask-on-queries")),
    case("tagger/mask-not-in-layer-4", "padding-leak", tagger("mask-not-in-layer-4")),
    case("tagger/mask-multiplied", "padding-leak", tagger("mask-multiplied")),
    case("tagger/mask-added-1e4", "weak-mask-fill", tagger("mask-added-1e4")),
    case("tagger/polarity", "padding-polarity", tagger("polarity")),
    case("tagger/float-mask-added", "padding-leak", tagger("float-mask-added")),
    case("tagger/mask-in-two-of-three-heads", "padding-leak", tagger("mask-in-two-of-three-heads")),
    case("tagger/padding-both-ways-nan", "nan", tagger("padding-both-ways-nan"), "padding-leak"),
    case("tagger/mask-of-whole-batch", "batch-mixing", tagger("mask-of-whole-batch"), "padding-leak"),
    case("tagger/mean-over-padding", "padding-leak", tagger("mean-over-padding")),
    case("tagger/places-unshifted", "padding-leak", tagger("places-unshifted")),
    case("tagger/places-of-batch", "batch-mixing", tagger("places-of-batch"), "order-blind"),
    case("tagger/places-times-zero", "positions-ineffective", tagger("places-times-zero"), "order-blind"),
    case("tagger/places-1e-6", "positions-ineffective", tagger("places-1e-6"), "order-blind"),
    case("tagger/places-detached", "untrained-part", tagger("places-detached")),
    case("tagger/plain-list", "untrained-part", tagger("plain-list")),
    case("tagger/loose-scale", "untrained-part", tagger("loose-scale")),
    case("tagger/deepcopied", "identical-layers", tagger("deepcopied")),
    case("tagger/norm-gradient-at-zero", "nan", tagger("norm-gradient-at-zero")),
    case("tagger/new-dropout-in-forward", "eval-nondeterministic", tagger("new-dropout-in-forward")),
    case("tagger/scaled-in-eval", "mode-dependent", tagger("scaled-in-eval")),
    case("tagger/train-only-branch", "mode-dependent", tagger("train-only-branch")),
    case("tagger/batch-mean", "batch-mixing", tagger("batch-mean")),
    case("tagger/loss-counts-padding", "padding-in-loss", tagger(loss=loss_counts_padding)),
    case("tagger/loss-shifted", "target-shift", tagger(loss=loss_shifted)),
    case("tagger/healthy", None, tagger(loss=loss)),
    case("tagger/albert-shared", None, tagger(shared=True, loss=loss)),
    case("tagger/frozen-embeddings", None, tagger(frozen=True, dropout=0.5)),
    case("tagger/five-labels-dict", None, tagger(labels=5, named=True, loss=loss)),
    case("tagger/depth-1", None, tagger(layers=1)),
)
