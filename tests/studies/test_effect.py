"""The words of the verdicts follow from stated thresholds."""

from __future__ import annotations

import pytest

from seqwright.evaluation.intervals import MedianInterval
from seqwright.studies import effect
from seqwright.studies.effect import LITTLE, MARGIN, verdict


def _range(low: float, high: float) -> MedianInterval:
    return MedianInterval(median=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("with_it", "without", "worth", "word"),
    [
        (LITTLE / 2, 0.0, _range(0.01, 0.05), effect.UNLEARNT),
        (1.0, 0.4, _range(0.5, 0.7), effect.NEEDED),
        (1.0, 0.6, _range(0.3, 0.5), effect.HELPS),
        (0.6, 1.0, _range(-0.5, -0.3), effect.HARMFUL),
        (0.05, 1.0, _range(-1.0, -0.9), effect.HARMFUL),  # learnt only without it: not "unlearnt"
        (1.0, 1.0, _range(0.0, 0.0), effect.IDLE),
        (1.0, 0.98, _range(-MARGIN, MARGIN), effect.IDLE),
        (1.0, 0.9, _range(-0.01, 0.3), effect.UNCLEAR),
    ],
)
def test_verdicts(with_it: float, without: float, worth: MedianInterval, word: str):
    assert verdict(with_it, without, worth) == word
