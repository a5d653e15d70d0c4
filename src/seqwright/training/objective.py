"""What training minimises.

An objective gives a *sum* and a *count*, never a mean: the mean of a step is the sum over all its pieces divided by the
count over all its pieces, however the rows were cut into batches, accumulated or spread over processes.
"""

from __future__ import annotations

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from seqwright.core.model import Output
from seqwright.core.spec import Rate, Spec
from seqwright.nn.kernels import dispatch


class CrossEntropy(Spec):
    """−log p of the labels, those equal to ``ignore`` left out of sum and count alike.

    With ``smoothing`` ε the label counts 1 − ε and every symbol ε / v more (Szegedy et al. 2016, §7).
    """

    ignore: int | None = None
    smoothing: Rate = 0.0

    def total(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        """The sum over all labels that count, in nats."""
        known = labels if self.ignore is None else labels.masked_fill(labels == self.ignore, 0)
        log_p = dispatch.log_softmax(output.logits)
        surprise = -log_p.gather(-1, known[..., None])[..., 0]
        if self.smoothing:
            surprise = (1 - self.smoothing) * surprise - self.smoothing * log_p.mean(-1)
        if self.ignore is None:
            return surprise.sum()
        return (surprise * (labels != self.ignore).to(surprise.dtype)).sum()

    def count(self, labels: Shaped[Tensor, "b t"]) -> Int[Tensor, ""]:
        """How many labels count."""
        counted = labels.isfinite() if self.ignore is None else labels != self.ignore
        return counted.sum()


class MeanSquaredError(Spec):
    """(ŷ − y)² of a scalar head's values."""

    def total(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        """The sum over all values."""
        return (output.logits[..., 0] - labels).square().sum()

    def count(self, labels: Shaped[Tensor, "b t"]) -> Int[Tensor, ""]:
        """How many values there are."""
        return labels.isfinite().sum()


ObjectiveSpec = CrossEntropy | MeanSquaredError
