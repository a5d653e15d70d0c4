"""Gated, dilated, causal convolutions, as in WaveNet; bytes for words."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build

VOCABULARY, KERNEL = 256, 3


class Gated(nn.Module):
    """A gated convolution and a gate of each feature, as a residual branch; all in ``[b d t]``."""

    def __init__(self, width: int, layer: int, bug: str, normed: bool) -> None:
        super().__init__()
        self.bug, self.layer = bug, layer
        self.reach = (KERNEL - 1) * 2**layer
        padding = self.reach if bug == "cropped-wrong-end" else 0
        self.conv = nn.Conv1d(width, 2 * width, KERNEL, dilation=2**layer, padding=padding)
        self.mix = nn.Conv1d(width, width, 1)
        self.norm = self.normalisation(width, normed)
        self.excite = nn.Linear(width, width)

    def normalisation(self, width: int, normed: bool) -> nn.Module:
        """Build a batch norm with running statistics, nothing, or a norm over the whole row or batch."""
        if self.bug == "group-norm-over-time":
            return nn.GroupNorm(1, width)
        if self.bug == "batch-norm-without-running":
            return nn.BatchNorm1d(width, track_running_stats=False)
        if self.bug == "instance-norm":
            return nn.InstanceNorm1d(width, affine=True)
        return nn.BatchNorm1d(width) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[-1]
        hidden = self.conv(self.padded(self.norm(x)))
        if self.bug == "cropped-wrong-end":
            hidden = hidden[..., -length:]
        if self.bug == "padding-without-dilation":
            hidden = F.pad(hidden, (max(0, length - hidden.shape[-1]), 0))[..., :length]
        value, gate = hidden.chunk(2, 1)
        hidden = torch.tanh(value) * torch.sigmoid(gate)
        return x + self.mix(hidden * self.share(hidden))

    def padded(self, x: Tensor) -> Tensor:
        """Pad the front with zeros for the kernel."""
        length, reach = x.shape[-1], self.reach
        if self.bug == "cropped-wrong-end":
            return x
        if self.bug == "same-padding":
            return F.pad(x, (reach // 2, reach - reach // 2))
        if self.bug == "last-layer-one-ahead" and self.layer == 2:
            return F.pad(x, (reach - 1, 1))
        if self.bug == "padding-without-dilation":
            missing = max(0, reach + 1 - length - 2 * (KERNEL - 1))
            return F.pad(x, (KERNEL - 1, KERNEL - 1 + missing))
        if self.bug == "reflect-padding" and length > reach:
            return F.pad(x, (reach, 0), mode="reflect")
        return F.pad(x, (reach, 0))

    def share(self, hidden: Tensor) -> Tensor:
        """Return the gate of each feature, at each position or for the whole row as in squeeze-and-excitation."""
        if self.bug == "squeeze-excite":
            return torch.sigmoid(self.excite(hidden.mean(-1)))[..., None]
        return torch.sigmoid(self.excite(hidden.mT)).mT


class ConvModel(nn.Module):
    """Embedding, three gated convolutions and a head."""

    def __init__(self, bug: str, normed: bool, width: int = 20) -> None:
        super().__init__()
        self.bug = bug
        self.token = nn.Embedding(VOCABULARY, width)
        self.layers = nn.ModuleList(Gated(width, layer, bug, normed) for layer in range(3))
        self.head = nn.Linear(width, VOCABULARY)
        self.mean: Tensor | None = None

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids).mT
        for layer in self.layers:
            x = layer(x)
        if self.bug == "running-mean-in-eval":
            mean = x.detach().mean((0, 2), keepdim=True)
            self.mean = mean if self.mean is None else 0.9 * self.mean.to(mean) + 0.1 * mean
            x = x - self.mean
        return self.head(x.mT)


def conv(bug: str = "", *, normed: bool = False) -> Build:
    """Return a builder of subjects with a bug, with batch norm or without."""

    def build(seed: int) -> Subject:
        return Subject(ConvModel(bug, normed), Contract(kind="decoder", vocabulary=VOCABULARY, max_length=64))

    return build


CASES: tuple[Case, ...] = (
    case("conv/same-padding", "future-leak", conv("same-padding")),
    case("conv/last-layer-one-ahead", "future-leak", conv("last-layer-one-ahead")),
    case("conv/cropped-wrong-end", "future-leak", conv("cropped-wrong-end")),
    case("conv/padding-without-dilation", "future-leak", conv("padding-without-dilation"), "past-blocked"),
    case("conv/reflect-padding", "future-leak", conv("reflect-padding")),
    case("conv/group-norm-over-time", "future-leak", conv("group-norm-over-time")),
    case("conv/instance-norm", "future-leak", conv("instance-norm")),
    case("conv/batch-norm-without-running", "batch-mixing", conv("batch-norm-without-running"), "future-leak"),
    case("conv/squeeze-excite", "future-leak", conv("squeeze-excite")),
    case("conv/running-mean-in-eval", "stateful", conv("running-mean-in-eval")),
    case("conv/healthy", None, conv()),
    case("conv/batch-norm-running", None, conv(normed=True)),
)
