"""Rates over answers."""

from __future__ import annotations

from collections.abc import Sequence

from seqwright.evaluation.behaviour import Answer


def exact_match(answers: Sequence[Answer]) -> float:
    """The fraction of answers that are their whole target and nothing else.

    >>> exact_match([Answer(("1",), True, True), Answer(("0",), False, True)])
    0.5
    """
    return sum(answer.right for answer in answers) / len(answers)
