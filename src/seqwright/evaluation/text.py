"""Language-model measures of running text: loss, perplexity, bits per symbol."""

from __future__ import annotations

from math import exp, log

import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.evaluation.likelihood import TokenLikelihoods


class TextMeasures(Spec, tag=False):
    """Measures of a text, cut into chunks that the model reads at once.

    Attributes:
        rows: the number of chunks.
        tokens: the number of predicted symbols: all but the text's first.
        loss: mean nats per symbol.
        bits: the same in bits.
        perplexity: exp(loss).
        token_accuracy: the fraction of symbols with the highest probability, given the text before them in their chunk.
        intervals: 95 % bootstrap intervals by name, over resampled chunks.
    """

    rows: int
    tokens: int
    loss: float
    bits: float
    perplexity: float
    token_accuracy: float
    intervals: dict[str, Interval | None]


def measure_text(likelihoods: TokenLikelihoods) -> TextMeasures:
    """Measure a text by the likelihoods of its chunks.

    Raises:
        SeqwrightError: the text has no symbol to predict.

    >>> found = TokenLikelihoods(np.array([2.0, 4.0]), np.array([2, 2]), np.array([1, 0]))
    >>> measure_text(found).loss, measure_text(found).token_accuracy
    (1.5, 0.25)
    """
    if not likelihoods.tokens.sum():
        raise SeqwrightError("the text has no symbol to predict", fix="give at least two symbols of the training data")
    loss = likelihoods.loss
    return TextMeasures(
        rows=len(likelihoods.nll),
        tokens=int(likelihoods.tokens.sum()),
        loss=loss,
        bits=loss / log(2),
        perplexity=exp(loss),
        token_accuracy=float(likelihoods.correct.sum() / max(1, likelihoods.tokens.sum())),
        intervals={
            "loss": interval(likelihoods.nll, likelihoods.tokens),
            "perplexity": interval(likelihoods.nll, likelihoods.tokens, transform=np.exp),
            "token_accuracy": interval(likelihoods.correct, likelihoods.tokens),
        },
    )
