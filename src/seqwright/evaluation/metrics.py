"""Exact match of answers, and BLEU and chrF of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqwright.core.spec import Spec
from seqwright.evaluation.behaviour import Answer
from seqwright.evaluation.bootstrap import DRAWS, Interval, ends, resampled

TextMetric = Literal["bleu", "chrf"]
"""The scores of texts."""


def exact_match(answers: Sequence[Answer]) -> float:
    """Return the fraction of answers that are exactly their target.

    >>> exact_match([Answer(("1",), True, True), Answer(("0",), False, True)])
    0.5
    """
    return sum(answer.correct for answer in answers) / len(answers)


class TextScore(Spec, tag=False):
    """A score of a whole file's texts, between 0 and 100 as its field writes it.

    Attributes:
        score: sacrebleu's score.
        interval: its bootstrap interval over resampled texts; ``None`` for a single text.
        signature: sacrebleu's signature of its settings; scores with different signatures cannot be compared.
    """

    score: float
    interval: Interval | None
    signature: str


def text_score(
    metric: TextMetric, predicted: Sequence[str], targets: Sequence[Sequence[str]], *, draws: int = DRAWS, seed: int = 0
) -> TextScore:
    """Compute BLEU or chrF of texts, each with one target text or several, by sacrebleu with its defaults.

    BLEU's words are those of sacrebleu's tokenisation ``13a``, which splits at spaces and separates most ASCII punctuation.
    A text without spaces is therefore one word, and where no text has four words BLEU is 0, even for correct texts. chrF
    counts n-grams of one to six characters, without spaces.

    Sources: Papineni et al. 2002; Popović 2015; Post 2018. sacrebleu's own bootstrap keeps only the width of its
    interval and a list of all rows for every resample; here its counts for each text are resampled by :func:`resampled`.

    >>> text_score("chrf", ["the cat sat"], [["the cat sat", "a cat sat"]]).score
    100.0
    """
    from sacrebleu.metrics.bleu import BLEU  # slow to import, and rarely needed
    from sacrebleu.metrics.chrf import CHRF

    scorer: Any = BLEU(force=True) if metric == "bleu" else CHRF()
    most = max(len(texts) for texts in targets)
    references = [[texts[index] if index < len(texts) else None for texts in targets] for index in range(most)]
    counts = np.array(scorer._extract_corpus_statistics(predicted, references))

    def score(totals: np.ndarray) -> float:
        return scorer._compute_score_from_stats([int(total) for total in totals]).score

    drawn = resampled(counts, draws=draws, seed=seed) if len(predicted) > 1 else counts[:0]
    found = ends(np.array([score(totals) for totals in drawn], dtype=np.float64))
    return TextScore(score=score(counts.sum(0)), interval=found, signature=str(scorer.get_signature()))
