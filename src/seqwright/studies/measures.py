"""Measures of a trained model beside its answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch

from seqwright.core.model import Model
from seqwright.core.place import Place
from seqwright.core.probe import Record
from seqwright.core.spec import Spec
from seqwright.data.batch import Coder, Pair

EMBEDDED_SOURCE = "encoder.embedded"
"""The probe name of the embedded source, ``[b s d]``."""


class Measure(Place):
    """A measure of a trained model: numbers by group, such as by distance."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The measure's name in the table of results."""

    @abstractmethod
    def of(self, model: Model, coder: Coder, pairs: Sequence[Pair]) -> Mapping[str, float]:
        """Measure a model in eval mode on the test rows within training lengths; return a number for each group."""


class GradientReach(Spec, Measure):
    """The share of an answer's gradient that reaches the source token ``k`` positions from the end, for every k.

    The loss of the first target token is traced back to the embedded source. A row's share at a token is the norm of the
    gradient there over the sum of these norms; a distance's share is the mean over the rows that are so long. Did the answer
    depend on all tokens alike, a source of n tokens would show 1/n everywhere.
    """

    @property
    def name(self) -> str:
        return "gradient reach"

    def of(self, model: Model, coder: Coder, pairs: Sequence[Pair]) -> dict[str, float]:
        """Return the mean share at each distance from the source's last token, nearest first."""
        batch = coder.batch(pairs)
        assert batch.source is not None, "there is no source to reach"
        record = Record(EMBEDDED_SOURCE)
        output, _ = model.advance(batch.target, model.start(batch.source, record))
        first = output.logits[:, 0].log_softmax(-1).gather(-1, batch.labels[:, :1]).sum()
        (embedded,) = record.seen[EMBEDDED_SOURCE]
        (gradient,) = torch.autograd.grad(first, embedded, materialize_grads=True)  # 0 where the source is not used
        norms = gradient.norm(dim=-1)  # [b s], 0 at padding
        shares = norms / norms.sum(1, keepdim=True).clamp_min(torch.finfo(norms.dtype).tiny)
        lengths = batch.source.lengths
        return {
            str(distance): shares[long, lengths[long] - 1 - distance].mean().item()
            for distance in range(int(lengths.max()))
            if len(long := (lengths > distance).nonzero()[:, 0])
        }
