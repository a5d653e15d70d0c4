from __future__ import annotations

import pytest

from seqwright.data.batch import Pair
from seqwright.evaluation.behaviour import Answer, Behaviour
from seqwright.evaluation.signature import signatures

RIGHT, WRONG = Answer(("1",), True, True), Answer(("0",), False, True)
ENDLESS = Answer(("1",) * 9, False, False)


def _seen(
    padded: Answer = RIGHT,
    alone: Answer = RIGHT,
    forced: bool = True,
    spread: float = 0.9,
    reordered: float | None = 0.5,
) -> Behaviour:
    return Behaviour((Pair.of("00", "1"),), (padded,), (alone,), (forced,), spread, reordered)


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        (_seen(), ["learnt"]),
        (_seen(WRONG, WRONG, forced=False), ["not-learnt"]),
        (_seen(WRONG, WRONG), ["not-learnt", "teacher-forced-only"]),
        (_seen(ENDLESS, ENDLESS, forced=False), ["not-learnt", "never-stops"]),
        (_seen(alone=WRONG), ["learnt", "padding-dependent"]),
        (_seen(alone=Answer(("1",), False, False)), ["learnt", "padding-dependent"]),
        (_seen(reordered=0.0), ["learnt", "order-blind"]),
        (_seen(reordered=None), ["learnt"]),
        (_seen(WRONG, WRONG, forced=False, spread=0.0, reordered=0.0), ["not-learnt", "mean-collapse", "order-blind"]),
    ],
)
def test_each_name_is_read_off_behaviour(seen: Behaviour, names: list[str]):
    assert signatures(seen) == names
