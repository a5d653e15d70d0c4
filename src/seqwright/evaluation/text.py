"""How well a model foretells running text."""

from __future__ import annotations

from math import exp, log

import numpy as np

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.evaluation.bootstrap import Interval, interval
from seqwright.evaluation.likelihood import TokenLikelihoods


class TextMeasures(Spec, tag=False):
    """What was measured of a text, cut into stretches that the model reads at once.

    Attributes:
        rows: stretches.
        tokens: symbols foretold: all but the text's first.
        loss: mean nats a symbol.
        bits: the same in bits.
        perplexity: exp(loss).
        token_accuracy: symbols that are the likeliest, shown the text before them in their stretch.
        intervals: 95 % bootstrap intervals by name, stretches being redrawn.
    """

    rows: int
    tokens: int
    loss: float
    bits: float
    perplexity: float
    token_accuracy: float
    intervals: dict[str, Interval | None]


def measure_text(seen: TokenLikelihoods) -> TextMeasures:
    """Measure a text by how surprised a model was by its stretches.

    Raises:
        SeqwrightError: there is nothing to measure.

    >>> seen = TokenLikelihoods(np.array([2.0, 4.0]), np.array([2, 2]), np.array([1, 0]))
    >>> measure_text(seen).loss, measure_text(seen).token_accuracy
    (1.5, 0.25)
    """
    if not seen.tokens.sum():
        raise SeqwrightError("the text has no symbol to foretell", fix="give at least two symbols that training showed")
    loss = seen.loss
    return TextMeasures(
        rows=len(seen.nats),
        tokens=int(seen.tokens.sum()),
        loss=loss,
        bits=loss / log(2),
        perplexity=exp(loss),
        token_accuracy=float(seen.guessed.sum() / max(1, seen.tokens.sum())),
        intervals={
            "loss": interval(seen.nats, seen.tokens),
            "perplexity": interval(seen.nats, seen.tokens, read=np.exp),
            "token_accuracy": interval(seen.guessed, seen.tokens),
        },
    )
