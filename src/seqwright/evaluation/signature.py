"""Names for what models do wrong, each read off behaviour alone."""

from __future__ import annotations

from collections.abc import Callable

from seqwright.evaluation.behaviour import Behaviour

SAME = 0.05
"""Outputs (probabilities, or scalar answers to zeros and ones) that differ by less than this say the same."""

ROUNDING = 1e-4
"""Probabilities in single precision that differ by no more than this differ by rounding."""


def learnt(seen: Behaviour) -> bool:
    """Every source is answered with its target, asked as in training."""
    return all(answer.right for answer in seen.padded)


def not_learnt(seen: Behaviour) -> bool:
    """At least one source is answered wrongly, asked as in training."""
    return not learnt(seen)


def mean_collapse(seen: Behaviour) -> bool:
    """The output does not depend on the input: between any two inputs it differs by less than ``SAME`` everywhere."""
    return seen.spread < SAME


def never_stops(seen: Behaviour) -> bool:
    """At least one answer reaches the length limit without having ended."""
    return not all(answer.stopped for answer in seen.padded)


def order_blind(seen: Behaviour) -> bool:
    """Sources with their symbols in another order get the same output, to ``ROUNDING``."""
    return seen.reordered is not None and seen.reordered <= ROUNDING


def padding_dependent(seen: Behaviour) -> bool:
    """At least one answer changes with the padding around its source."""
    return any(a.symbols != b.symbols or a.stopped != b.stopped for a, b in zip(seen.padded, seen.alone, strict=True))


def teacher_forced_only(seen: Behaviour) -> bool:
    """Every next token is right when the truth before it is shown, and yet some answer is wrong when generated."""
    return all(seen.forced) and not learnt(seen)


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
    """What tables call a signature.

    >>> name(mean_collapse)
    'mean-collapse'
    """
    return signature.__name__.replace("_", "-")


def signatures(seen: Behaviour) -> list[str]:
    """The names of all that hold; a model may carry several."""
    return [name(signature) for signature in SIGNATURES if signature(seen)]
