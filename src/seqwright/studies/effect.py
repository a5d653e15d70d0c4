"""What a part is worth: the same seeds with it and without it, and a word for the difference.

========== =========================================================================================================
verdict    when
========== =========================================================================================================
unlearnt   with the part, too, less than :data:`LITTLE` of the rows are answered: there is nothing to lose
needed     the effect's interval lies above 0, and without the part less than half as much is answered
helps      the interval lies above 0
harmful    the interval lies below 0
idle       the interval lies within ±:data:`MARGIN`
unclear    none of these: there are too few seeds, or they differ too much
========== =========================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval
from seqwright.studies.experiment import Row

LITTLE = 0.2
"""Less exact match than this, and a task counts as not learnt."""

MARGIN = 0.05
"""A difference in exact match that is of no account."""

UNLEARNT, NEEDED, HELPS, HARMFUL, IDLE, UNCLEAR = "unlearnt", "needed", "helps", "harmful", "idle", "unclear"

Measure = Callable[[Row], Sequence[float]]
"""A number for each seed of a row."""


def in_training_lengths(row: Row) -> list[float]:
    """Exact match on rows as long as those trained on."""
    return row.matches


def asked_alone(row: Row) -> list[float]:
    """Exact match without padding around the question."""
    return row.matches_alone


def beyond_training_lengths(row: Row) -> list[float]:
    """Exact match on rows longer than any that was trained on."""
    return row.matches_beyond


class Effect(Spec, tag=False):
    """What a part is worth on a task.

    Attributes:
        part: what is there, or is not.
        task, measure: on what, and of what.
        base: the family of variants that the two belong to.
        having, lacking: the variants that have it and that lack it.
        with_it, without: the medians of the two.
        worth: the difference, seed by seed: its median and interval.
        verdict: a word for it.
    """

    part: str
    task: str
    measure: str
    base: str
    having: str
    lacking: str
    with_it: float
    without: float
    worth: MedianInterval
    verdict: str

    @classmethod
    def of(cls, part: str, having: Row, lacking: Row, measure: Measure = in_training_lengths) -> Effect:
        """The effect of what ``having`` has and ``lacking`` lacks, both with the same seeds on the same task."""
        name = measure.__name__.replace("_", " ")
        return cls.between(part, having, lacking.variant, measure(having), measure(lacking), name)

    @classmethod
    def between(
        cls, part: str, having: Row, lacking: str, more: Sequence[float], less: Sequence[float], measure: str
    ) -> Effect:
        """The effect between two numbers a seed, those of ``having`` and those of a variant called ``lacking``."""
        worth = MedianInterval.of([a - b for a, b in zip(more, less, strict=True)])
        with_it, without = median(more), median(less)
        return cls(
            part=part,
            task=having.task,
            measure=measure,
            base=having.base,
            having=having.variant,
            lacking=lacking,
            with_it=with_it,
            without=without,
            worth=worth,
            verdict=verdict(with_it, without, worth),
        )


def verdict(with_it: float, without: float, worth: MedianInterval) -> str:
    """The word for a difference; see the table above.

    >>> verdict(1.0, 0.2, MedianInterval(median=0.8, low=0.7, high=0.9))
    'needed'
    >>> verdict(1.0, 0.9, MedianInterval(median=0.1, low=-0.1, high=0.2))
    'unclear'
    """
    if max(with_it, without) < LITTLE:
        return UNLEARNT
    if worth.low > 0:
        return NEEDED if without < with_it / 2 else HELPS
    if worth.high < 0:
        return HARMFUL
    return IDLE if worth.low >= -MARGIN and worth.high <= MARGIN else UNCLEAR
