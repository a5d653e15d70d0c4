"""An encoder and decoder that predict one number at each position; twelve words."""

from __future__ import annotations

import torch
from patients.case import Case, Subject, case
from patients.rows import PAD
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build, call_translator

VOCABULARY, LENGTH = 12, 12


class Scalar(nn.Module):
    """A layer of attention for the source, two for the target, and a head of one unit."""

    def __init__(self, bug: str, width: int = 16) -> None:
        super().__init__()
        self.bug = bug
        self.source, self.target = nn.Embedding(VOCABULARY, width), nn.Embedding(VOCABULARY, width)
        self.ordinal = nn.Embedding(16, width)  # places, by a name that does not say so
        self.read, self.listen, self.reread = (nn.MultiheadAttention(width, 2, batch_first=True) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.stride = nn.Conv1d(width, width, 1, stride=2)
        if bug == "norm-of-one":
            self.head.append(nn.LayerNorm(1))

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        if self.bug == "source-last-cut":
            source, source_real = source[:, :-1], source_real[:, :-1]
        if source.shape[1] == 0:
            return self.head(self.norm(self.target(target)))
        memory, source_real = self.encode(source, source_real)
        length = target.shape[1]
        x = self.target(target) + self.ordinal(torch.arange(length))
        ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = x + self.reread(x, x, x, attn_mask=ahead, need_weights=False)[0]
        x = x + self.listen(x, memory, memory, key_padding_mask=~source_real, need_weights=False)[0]
        said = self.head(self.norm(x))
        if self.bug == "centred-over-time":
            return said - said.mean(1, keepdim=True)
        if self.bug == "scaled-by-batch":
            return said / (said.abs().amax() + 1)
        return said

    def encode(self, source: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        """Return the source's vectors, ``[b s d]``, and their mask."""
        x = self.source(source) + self.ordinal(torch.arange(source.shape[1]))
        if self.bug == "strided-source":
            return self.stride(x.mT).mT, source_real[:, ::2]
        x = x + self.read(x, x, x, key_padding_mask=~source_real, need_weights=False)[0]
        return (self.source(source) if self.bug == "bag-of-source" else x), source_real


def scalar(bug: str = "") -> Build:
    """Return a builder of subjects with a bug."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, max_length=LENGTH)
        return Subject(Scalar(bug), contract, {"call": call_translator})

    return build


CASES: tuple[Case, ...] = (
    case("scalar/norm-of-one", "mean-collapse", scalar("norm-of-one")),
    case("scalar/strided-source", "source-ignored", scalar("strided-source")),
    case("scalar/source-last-cut", "source-ignored", scalar("source-last-cut")),
    case("scalar/bag-of-source", "order-blind", scalar("bag-of-source")),
    case("scalar/centred-over-time", "future-leak", scalar("centred-over-time")),
    case("scalar/scaled-by-batch", "batch-mixing", scalar("scaled-by-batch"), "future-leak"),
    case("scalar/healthy", None, scalar()),
)
