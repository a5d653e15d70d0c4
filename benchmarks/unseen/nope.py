"""``nn.TransformerEncoderLayer`` as a causal decoder without positions, each layer with parameters of its own."""

from __future__ import annotations

import torch
from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build


class NoPlaces(nn.Module):
    """Embedding, layers with a causal mask, and head."""

    def __init__(self, vocabulary: int, layers: int, bug: str, width: int = 28, heads: int = 4) -> None:
        super().__init__()
        self.bug = bug
        self.token = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 2 * width, 0.2, "gelu", batch_first=bug != "batch-second", norm_first=True
            )
            for _ in range(layers)
        )
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids)
        hidden = self.hidden(ids.shape[0 if self.bug == "batch-second" else 1])
        for layer in self.layers:
            x = layer(x, src_mask=hidden)
        return self.head(x)

    def hidden(self, length: int) -> Tensor | None:
        """Return the keys that each query may not attend to: ``[q k]``."""
        if self.bug == "eval-without-mask" and not self.training:
            return None
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
        if self.bug == "mask-off-with-gradients" and torch.is_grad_enabled():
            return torch.zeros_like(hidden)
        return hidden


def nope(bug: str = "", *, vocabulary: int = 33, layers: int = 4) -> Build:
    """Return a builder of subjects with a bug."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="decoder", vocabulary=vocabulary, max_length=24)
        return Subject(NoPlaces(vocabulary, layers, bug), contract)

    return build


CASES: tuple[Case, ...] = (
    case("nope/batch-second", "batch-mixing", nope("batch-second"), "past-blocked"),
    case("nope/eval-without-mask", "future-leak", nope("eval-without-mask"), "mode-dependent"),
    case("nope/mask-off-with-gradients", "future-leak", nope("mask-off-with-gradients"), "mode-dependent"),
    case("nope/one-layer", "order-blind", nope(layers=1)),
    case("nope/healthy", None, nope()),
    case("nope/two-layers-vocab-1000", None, nope(vocabulary=1000, layers=2)),
)
