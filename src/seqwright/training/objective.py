"""What training minimises."""

from __future__ import annotations

from jaxtyping import Float, Shaped
from torch import Tensor

from seqwright.core.model import Output
from seqwright.core.spec import Spec
from seqwright.nn import kernels


class CrossEntropy(Spec):
    """Mean −log p of the labels, those equal to ``ignore`` left out of sum and count alike."""

    ignore: int | None = None

    def loss(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        known = labels if self.ignore is None else labels.masked_fill(labels == self.ignore, 0)
        surprise = -kernels.log_softmax(output.logits).gather(-1, known[..., None])[..., 0]
        if self.ignore is None:
            return surprise.mean()
        counted = (labels != self.ignore).to(surprise.dtype)
        return (surprise * counted).sum() / counted.sum()


class MeanSquaredError(Spec):
    """Mean (ŷ − y)² of a scalar head's values."""

    def loss(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        return (output.logits[..., 0] - labels).square().mean()


ObjectiveSpec = CrossEntropy | MeanSquaredError
