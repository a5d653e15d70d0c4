"""Training objectives.

An objective gives a *sum* and a *count*, never a mean: the loss of a step is the sum over all its batches divided by the
count over all its batches, however the rows were divided, accumulated or distributed over processes.
"""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Output
from seqwright.core.place import Place
from seqwright.core.spec import Rate, Spec
from seqwright.nn.kernels import dispatch


class Objective(Place):
    """A training objective: a loss of the predictions, and the model's auxiliary losses.

    Attributes:
        weights: a factor for each of the model's auxiliary losses (:attr:`Output.losses`), by name; those that are not
            named here count with weight 1.

    >>> import torch
    >>> output = Output(torch.zeros(1, 2, 1), losses={"balance": torch.tensor(3.0), "router": torch.tensor(4.0)})
    >>> MeanSquaredError(weights={"balance": 0.1}).total(output, torch.ones(1, 2))  # 2 + 0.1 · 3 + 1 · 4
    tensor(6.3000)
    """

    __slots__ = ()
    weights: dict[str, float]

    def total(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        """Return the sum that training minimises: the loss of the predictions plus the weighted auxiliary losses.

        Raises:
            SeqwrightError: a weight is given for a loss that the model does not have.
        """
        total = self.prediction_loss(output, labels)
        if output.losses or self.weights:
            unknown = self.weights.keys() - output.losses.keys()
            if unknown:
                known = ", ".join(output.losses) or "none"
                raise SeqwrightError(
                    f"the model has no auxiliary loss {min(unknown)!r}", fix=f"its losses are: {known}"
                )
            for name, loss in output.losses.items():
                total = total + self.weights.get(name, 1.0) * loss
        return total

    @abstractmethod
    def prediction_loss(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        """Return the loss of the predictions, summed over all labels that count."""

    @abstractmethod
    def count(self, labels: Shaped[Tensor, "b t"]) -> Int[Tensor, ""]:
        """Return the number of labels that count."""


class CrossEntropy(Spec, Objective):
    """Cross-entropy, −log p of the labels in nats, without those equal to ``ignore``.

    With ``smoothing`` ε the label has weight 1 − ε, and every symbol ε / v in addition (Szegedy et al. 2016, §7).
    """

    ignore: int | None = None
    smoothing: Rate = 0.0
    weights: dict[str, float] = {}  # noqa: RUF012  # msgspec gives each spec its own

    def prediction_loss(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        known = labels if self.ignore is None else labels.masked_fill(labels == self.ignore, 0)
        log_p = dispatch.log_softmax(output.logits)
        losses = -log_p.gather(-1, known[..., None])[..., 0]
        if self.smoothing:
            losses = (1 - self.smoothing) * losses - self.smoothing * log_p.mean(-1)
        if self.ignore is None:
            return losses.sum()
        return (losses * (labels != self.ignore).to(losses.dtype)).sum()

    def count(self, labels: Shaped[Tensor, "b t"]) -> Int[Tensor, ""]:
        counted = labels.isfinite() if self.ignore is None else labels != self.ignore
        return counted.sum()


class MeanSquaredError(Spec, Objective):
    """Squared error (ŷ − y)² of the values that a scalar head predicts."""

    weights: dict[str, float] = {}  # noqa: RUF012

    def prediction_loss(self, output: Output, labels: Shaped[Tensor, "b t"]) -> Float[Tensor, ""]:
        return (output.logits[..., 0] - labels).square().sum()

    def count(self, labels: Shaped[Tensor, "b t"]) -> Int[Tensor, ""]:
        return labels.isfinite().sum()
