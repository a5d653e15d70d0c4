"""How surprised a model is by rows that it is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from seqwright.data.batching import Examples, by_length


@dataclass(frozen=True)
class TokenLikelihoods:
    """For each row: −log p of its target in nats, how many tokens that is of (END counted), and how many are guessed.

    A token is guessed where it is the likeliest after the truth before it.
    """

    nats: Float[np.ndarray, "n"]
    tokens: Int[np.ndarray, "n"]
    guessed: Int[np.ndarray, "n"]

    @property
    def loss(self) -> float:
        """Mean nats a token."""
        return float(self.nats.sum() / max(1, self.tokens.sum()))


@torch.inference_mode()
def token_likelihoods(
    model: nn.Module, examples: Examples, *, ignore: int, tokens: int = 8192, device: str = "cpu"
) -> TokenLikelihoods:
    """Show a model all the examples' truth.

    Args:
        model: in eval mode.
        examples: what to show.
        ignore: the label that does not count (padding).
        tokens: how large a batch may be, padding counted.
        device: where the model is.
    """
    sizes = examples.lengths() + 1
    nats, counts, guessed = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    for rows in by_length(np.arange(len(sizes)), sizes, tokens):
        batch = examples.batch(rows).to(device)
        logits = model(batch.target, batch.source)[0].logits
        counted = batch.labels != ignore
        labels = batch.labels.masked_fill(~counted, 0)
        surprises = -logits.double().log_softmax(-1).gather(-1, labels[..., None])[..., 0]
        nats[rows] = (surprises * counted).sum(1).cpu()
        counts[rows] = counted.sum(1).cpu()
        guessed[rows] = ((logits.argmax(-1) == labels) & counted).sum(1).cpu()
    return TokenLikelihoods(nats, counts, guessed)
