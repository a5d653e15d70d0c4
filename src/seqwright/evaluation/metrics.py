"""Rates over answers, and scores of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from seqwright.core.spec import Spec
from seqwright.evaluation.behaviour import Answer
from seqwright.evaluation.bootstrap import DRAWS, Interval, ends, resampled

TextMetric = Literal["bleu", "chrf"]
"""The scores of texts that there are."""


def exact_match(answers: Sequence[Answer]) -> float:
    """The fraction of answers that are their whole target and nothing else.

    >>> exact_match([Answer(("1",), True, True), Answer(("0",), False, True)])
    0.5
    """
    return sum(answer.right for answer in answers) / len(answers)


class TextScore(Spec, tag=False):
    """A score of a whole file's texts, between 0 and 100 as its field writes it.

    Attributes:
        score: what sacrebleu says.
        interval: its bootstrap interval, texts being redrawn; ``None`` for a single text.
        signature: sacrebleu's own account of how it counted; scores with other signatures do not compare.
    """

    score: float
    interval: Interval | None
    signature: str


def text_score(
    metric: TextMetric, said: Sequence[str], wanted: Sequence[Sequence[str]], *, draws: int = DRAWS, seed: int = 0
) -> TextScore:
    """BLEU or chrF of texts, each against one wanted text or several, counted by sacrebleu with its defaults.

    BLEU's words are what sacrebleu's tokenisation ``13a`` finds: it splits at spaces and sets most ASCII punctuation
    apart, wherever it stands. A text without spaces is therefore one word, and where no text has four words BLEU is 0,
    however right. chrF counts runs of one to six characters, spaces left out.

    Sources: Papineni et al. 2002; Popović 2015; Post 2018. sacrebleu's own bootstrap keeps only the width of its
    interval and a list of all rows for every draw; here its counts for each text are redrawn by :func:`resampled`.

    >>> text_score("chrf", ["the cat sat"], [["the cat sat", "a cat sat"]]).score
    100.0
    """
    from sacrebleu.metrics.bleu import BLEU  # slow to load, and needed only where it is asked for
    from sacrebleu.metrics.chrf import CHRF

    scorer: Any = BLEU(force=True) if metric == "bleu" else CHRF()
    most = max(len(texts) for texts in wanted)
    references = [[texts[index] if index < len(texts) else None for texts in wanted] for index in range(most)]
    counts = np.array(scorer._extract_corpus_statistics(said, references))

    def score(totals: np.ndarray) -> float:
        return scorer._compute_score_from_stats([int(total) for total in totals]).score

    drawn = resampled(counts, draws=draws, seed=seed) if len(said) > 1 else counts[:0]
    found = ends(np.array([score(totals) for totals in drawn], dtype=np.float64))
    return TextScore(score=score(counts.sum(0)), interval=found, signature=str(scorer.get_signature()))
