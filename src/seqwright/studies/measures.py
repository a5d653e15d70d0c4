"""What can be measured of a trained model beside its answers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seqwright.core.model import Model
from seqwright.core.probe import Record
from seqwright.core.spec import Spec
from seqwright.data.batch import Coder, Pair


class GradientReach(Spec):
    """How much of an answer's gradient reaches the source token ``k`` places from the end, for every k.

    The loss of the first target token is traced back to the embedded source. A row's share at a token is the norm of the
    gradient there over the sum of these norms; the mean over the rows that are so long stands at each distance. Were all
    tokens heard alike, a source of n tokens would show 1/n everywhere.
    """

    @property
    def name(self) -> str:
        """What results call it."""
        return "gradient reach"

    def of(self, model: Model, coder: Coder, pairs: Sequence[Pair]) -> list[float]:
        """The mean share at each distance from the source's last token, nearest first."""
        batch = coder.batch(pairs)
        assert batch.source is not None, "there is no source to reach"
        record = Record("encoder.embedded")
        output, _ = model.advance(batch.target, model.start(batch.source, record))
        first = output.logits[:, 0].log_softmax(-1).gather(-1, batch.labels[:, :1]).sum()
        (embedded,) = record.seen["encoder.embedded"]
        (gradient,) = torch.autograd.grad(first, embedded, materialize_grads=True)  # 0 where the source is not heard
        norms = gradient.norm(dim=-1)  # [b s], 0 at padding
        shares = norms / norms.sum(1, keepdim=True).clamp_min(torch.finfo(norms.dtype).tiny)
        lengths = batch.source.lengths
        return [
            shares[long, lengths[long] - 1 - distance].mean().item()
            for distance in range(int(lengths.max()))
            if len(long := (lengths > distance).nonzero()[:, 0])
        ]


MeasureSpec = GradientReach
