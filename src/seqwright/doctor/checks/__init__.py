"""The checks, in groups that share what they measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seqwright.doctor.checks import (
    attention,
    behaviour,
    cache,
    determinism,
    length,
    loss,
    order,
    padding,
    parameters,
    source,
    visibility,
)
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import ModelUnderTest


@dataclass(frozen=True)
class Group:
    """Checks that are made together.

    Attributes:
        examine: yields a finding for each.
        checks: which they are.
    """

    examine: Callable[[ModelUnderTest], Iterator[Finding]]
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        return self.examine.__name__


GROUPS: tuple[Group, ...] = (
    Group(determinism.state, (determinism.STATEFUL, determinism.EVAL_NONDETERMINISTIC)),
    Group(determinism.batch, (determinism.BATCH_MIXING,)),
    Group(source.collapse, (source.MEAN_COLLAPSE,)),
    Group(determinism.modes, (determinism.MODE_DEPENDENT, determinism.NAN)),
    Group(visibility.visibility, (visibility.FUTURE_LEAK, visibility.PAST_BLOCKED)),
    Group(padding.padding, (padding.PADDING_LEAK, padding.PADDING_POLARITY)),
    Group(order.order, (order.ORDER_BLIND, order.POSITIONS_INEFFECTIVE)),
    Group(source.source, ()),
    Group(cache.cache, ()),
    Group(attention.attention, (attention.ATTENTION_NORMALISATION, attention.WEAK_MASK_FILL)),
    Group(parameters.parameters, (parameters.UNTRAINED_PART, parameters.INIT_LOSS, parameters.TIED_WEIGHTS, parameters.IDENTICAL_LAYERS)),
    Group(loss.loss, loss.CHECKS),
    Group(length.length, (length.POSITION_OVERFLOW,)),
    Group(behaviour.behaviour, behaviour.CHECKS),
)  # fmt: skip
"""In this order: what leaves something behind, or mixes rows, changes how everything after it asks.

``checks`` names those that every model has; where a group cannot be examined to its end, they are inconclusive.
"""
