"""Names for faults of models, each determined from behaviour alone."""

from __future__ import annotations

from collections.abc import Callable

from seqwright.evaluation.behaviour import Behaviour

SAME = 0.05
"""Outputs (probabilities, or scalar answers to zeros and ones) that differ by less than this count as equal."""

ROUNDING = 1e-4
"""The greatest difference of probabilities in single precision that counts as rounding."""


def learnt(behaviour: Behaviour) -> bool:
    """Return whether every source is answered with its target, padded as in training."""
    return all(answer.correct for answer in behaviour.padded)


def not_learnt(behaviour: Behaviour) -> bool:
    """Return whether at least one source is answered wrongly, padded as in training."""
    return not learnt(behaviour)


def mean_collapse(behaviour: Behaviour) -> bool:
    """Return whether the output does not depend on the input: it varies by less than ``SAME`` between all inputs."""
    return behaviour.spread < SAME


def never_stops(behaviour: Behaviour) -> bool:
    """Return whether at least one answer reaches the length limit without END."""
    return not all(answer.stopped for answer in behaviour.padded)


def order_blind(behaviour: Behaviour) -> bool:
    """Return whether sources with their symbols in another order get the same output, to ``ROUNDING``."""
    return behaviour.reordered is not None and behaviour.reordered <= ROUNDING


def padding_dependent(behaviour: Behaviour) -> bool:
    """Return whether at least one answer changes with the padding around its source."""
    return any(
        a.symbols != b.symbols or a.stopped != b.stopped for a, b in zip(behaviour.padded, behaviour.alone, strict=True)
    )


def teacher_forced_only(behaviour: Behaviour) -> bool:
    """Return whether all next tokens are correct under teacher forcing, and yet some generated answer is wrong."""
    return all(behaviour.forced) and not learnt(behaviour)


SIGNATURES: tuple[Callable[[Behaviour], bool], ...] = (
    learnt,
    not_learnt,
    mean_collapse,
    never_stops,
    order_blind,
    padding_dependent,
    teacher_forced_only,
)


def name(signature: Callable[[Behaviour], bool]) -> str:
    """Return the name of a signature in tables.

    >>> name(mean_collapse)
    'mean-collapse'
    """
    return signature.__name__.replace("_", "-")


def signatures(behaviour: Behaviour) -> list[str]:
    """Return the names of all signatures that a model has."""
    return [name(signature) for signature in SIGNATURES if signature(behaviour)]
