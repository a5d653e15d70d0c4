r"""A feed-forward part with a gate: ``W₂ (SiLU(W₁ x) ⊙ V x)`` (Shazeer 2020, eq. 6).

    seqwright --import examples/extend/swiglu.py train --text examples/data/shakespeare.txt --out gated \
        --set 'model.decoder.blocks.feedforward={"type":"SwiGLU","inner":340}'

With ``inner`` at two thirds of the usual width the model has as many parameters as before.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Spec
from seqwright.nn.dropout import Dropout
from seqwright.nn.feedforward import FeedForward
from seqwright.nn.linear import LinearMap, LinearSpec


class SwiGLU(Spec, FeedForward):
    """``W₂ (SiLU(W₁ x) ⊙ V x)``; ``inner`` is the width between, and ``linear`` the kind of its three maps."""

    inner: Count
    linear: LinearMap = LinearSpec(bias=False)

    def build(self, width: int, dropout: float) -> nn.Module:
        return GatedLayers(self, width, dropout)

    def flops(self, width: int) -> int:
        return 6 * width * self.inner


class GatedLayers(nn.Module):
    """See :class:`SwiGLU`."""

    def __init__(self, spec: SwiGLU, width: int, dropout: float) -> None:
        super().__init__()
        self.gate, self.widen = spec.linear.build(width, spec.inner), spec.linear.build(width, spec.inner)
        self.narrow, self.dropout = spec.linear.build(spec.inner, width), Dropout(dropout)

    def forward(self, x: Tensor, at: Tensor, probe: Probe = SILENT) -> tuple[Tensor, dict[str, Tensor]]:
        gated = probe("gated", F.silu(self.gate(x)) * self.widen(x))  # [b t inner]
        return self.narrow(self.dropout(gated)), {}  # no auxiliary losses
