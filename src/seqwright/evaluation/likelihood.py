"""Teacher-forced negative log-likelihood of each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from seqwright.data.batching import Examples, by_length


@dataclass(frozen=True)
class TokenLikelihoods:
    """The likelihood of each row's target under teacher forcing.

    Attributes:
        nll: ``[n]``, −log p of the target in nats.
        tokens: ``[n]``, the number of its tokens, END counted.
        correct: ``[n]``, the number of these that the model gives the highest probability.
    """

    nll: Float[np.ndarray, "n"]
    tokens: Int[np.ndarray, "n"]
    correct: Int[np.ndarray, "n"]

    @property
    def loss(self) -> float:
        """Mean nats a token."""
        return float(self.nll.sum() / max(1, self.tokens.sum()))


@torch.inference_mode()
def token_likelihoods(
    model: nn.Module, examples: Examples, *, ignore: int, tokens: int = 8192, device: str = "cpu"
) -> TokenLikelihoods:
    """Compute the likelihood of each example under teacher forcing.

    Args:
        model: in eval mode.
        examples: the rows.
        ignore: the label that does not count (padding).
        tokens: the greatest number of tokens of a batch, padding counted.
        device: the model's.
    """
    sizes = examples.lengths() + 1
    nll, counts, correct = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    for rows in by_length(np.arange(len(sizes)), sizes, tokens):
        batch = examples.batch(rows).to(device)
        logits = model(batch.target, batch.source)[0].logits
        counted = batch.labels != ignore
        labels = batch.labels.masked_fill(~counted, 0)
        log_p = logits.double().log_softmax(-1).gather(-1, labels[..., None])[..., 0]
        nll[rows] = -(log_p * counted).sum(1).cpu()
        counts[rows] = counted.sum(1).cpu()
        correct[rows] = ((logits.argmax(-1) == labels) & counted).sum(1).cpu()
    return TokenLikelihoods(nll, counts, correct)
