"""A language model of ``torch.nn.TransformerEncoder`` and a causal mask, as users write it."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .rows import BOS, EOS, PAD, next_word_loss, sentences
from .torch_transformer import VOCABULARY, Places, real


class Continuer(nn.Module):
    """A language model of ``nn.TransformerEncoder`` and a causal mask."""

    batch_first = True

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(VOCABULARY, width), Places(width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.1, batch_first=self.batch_first)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, VOCABULARY)
        self.draw()

    def draw(self) -> None:
        """Re-initialise the layers, which ``nn.TransformerEncoder`` makes as copies of one."""
        for parameter in self.encoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
        return self.head(self.encoder(self.embed(ids), mask=hidden, src_key_padding_mask=~real(ids, mask)))

    def embed(self, ids: Tensor) -> Tensor:
        return self.place(self.token(ids) * math.sqrt(self.token.embedding_dim))


class RowsForColumns(Continuer):
    """Layers for ``[t b d]`` that are given ``[b t d]``, with the mask (TabFormer PR 14)."""

    batch_first = False

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
        return self.head(self.encoder(self.embed(ids), mask=hidden))


class RowsForColumnsUnmasked(RowsForColumns):
    """The same of a bidirectional model."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.head(self.encoder(self.embed(ids)))


class HintWithoutMask(Continuer):
    """``is_causal`` without a mask in eval mode, where the fast path ignores it (PyTorch 96941)."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(ids, mask)
        return self.head(self.encoder(self.embed(ids), src_key_padding_mask=~real(ids, mask), is_causal=True))


class CopiedLayers(Continuer):
    """Layers as ``nn.TransformerEncoder`` copies them (PyTorch 86274)."""

    def draw(self) -> None:
        pass


class NormedOverTime(Continuer):
    """A norm over time and features at once."""

    def embed(self, ids: Tensor) -> Tensor:
        x = super().embed(ids)
        return F.layer_norm(x, x.shape[1:])


def continuer_loss(model: Continuer, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != PAD), ids)


def continuer(kind: type[Continuer] = Continuer, **promised: Any) -> Any:
    """Return a builder of subjects of a class."""

    def build(seed: int) -> Subject:
        contract = Contract(
            **{"kind": "decoder", "pad": PAD, "bos": BOS, "eos": EOS, "max_length": 64, **promised},
            vocabulary=VOCABULARY,
        )
        return Subject(
            kind((16, 32)[seed % 2], 2), contract, {"loss": continuer_loss, "examples": sentences(VOCABULARY, seed)}
        )

    return build


def encoder(kind: type[Continuer]) -> Any:
    """Return a builder of bidirectional subjects of a class, without padding."""

    def build(seed: int) -> Subject:
        return Subject(kind((16, 32)[seed % 2], 2), Contract(kind="encoder", vocabulary=VOCABULARY, max_length=64))

    return build


CASES: tuple[Case, ...] = (
    case("continuer/rows-for-columns", "batch-mixing", continuer(RowsForColumns, pad=None)),
    case("continuer/rows-for-columns-unmasked", "batch-mixing", encoder(RowsForColumnsUnmasked)),
    case("continuer/hint-without-mask", "future-leak", continuer(HintWithoutMask), "mode-dependent"),
    case("continuer/left-padding-without-gradients", "nan", continuer(padding_side="left")),
    case("continuer/copied-layers", "identical-layers", continuer(CopiedLayers)),
    case("continuer/normed-over-time", "future-leak", continuer(NormedOverTime)),
)
