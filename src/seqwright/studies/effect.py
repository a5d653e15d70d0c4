"""The effect of a part: the difference between the same seeds with it and without it, and a verdict."""

from __future__ import annotations

from statistics import median

from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval
from seqwright.studies.table import EXACT_MATCH, CellView

LITTLE = 0.2
"""Less exact match than this, and a task counts as not learnt."""

MARGIN = 0.05
"""The largest difference in exact match that counts as none."""

UNLEARNT, NEEDED, HELPS, HARMFUL, IDLE, UNCLEAR = "unlearnt", "needed", "helps", "harmful", "idle", "unclear"

VERDICTS = {
    UNLEARNT: f"with the part, too, less than {LITTLE:.0%} of the rows are answered: there is nothing to lose",
    NEEDED: "the effect's interval lies above 0, and without the part less than half as much is answered",
    HELPS: "the interval lies above 0",
    HARMFUL: "the interval lies below 0",
    IDLE: f"the interval lies within ±{MARGIN:g}",
    UNCLEAR: "none of these: there are too few seeds, or they differ too much",
}
"""The verdicts, each with its condition."""


class Effect(Spec, tag=False):
    """The effect of a part on a task.

    Attributes:
        part: its name.
        task, measure: the task, and what was measured.
        base: the family of variants that the two belong to.
        having, lacking: the variants with and without the part.
        with_it, without: the medians of the two.
        worth: the difference, seed by seed: its median and interval.
        verdict: one of :data:`VERDICTS`.
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
    def of(cls, part: str, having: CellView, lacking: CellView, measure: str = EXACT_MATCH, group: str = "") -> Effect:
        """Compare what ``having`` has and ``lacking`` lacks, over the seeds that both were trained with."""
        more, less = having.pairs(measure, group), lacking.pairs(measure, group)
        seeds = [seed for seed in more if seed in less]
        worth = MedianInterval.of([more[seed] - less[seed] for seed in seeds])
        with_it, without = (median(values[seed] for seed in seeds) for values in (more, less))
        return cls(
            part=part,
            task=having.task,
            measure=measure,
            base=having.base,
            having=having.variant,
            lacking=lacking.variant,
            with_it=with_it,
            without=without,
            worth=worth,
            verdict=verdict(with_it, without, worth),
        )


def verdict(with_it: float, without: float, worth: MedianInterval) -> str:
    """Return which of :data:`VERDICTS` a difference gets.

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
