"""Sequences of the contract's maximum length: they can be read, and positions differ to the end."""

from __future__ import annotations

from collections.abc import Iterator

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.checks.order import position_indices, swapped, unnoticed_swaps
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest, counterexample

POSITION_OVERFLOW = Check(
    "position-overflow",
    "Sequences as long as the contract allows cannot be read, or their last positions are confused.",
    "look at the size of the table of positions, at clamps and remainders of positions, and at buffers made for a shorter length",
)
LONGEST = 1024
"""The greatest length that is tried."""


class LengthChecks(Spec, CheckGroup):
    """``position-overflow``."""

    checks = (POSITION_OVERFLOW,)
    order = 13

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Read a sequence of the maximum length."""
        length = subject.contract.max_length
        if length is None:
            yield POSITION_OVERFLOW.not_examined(
                "The contract has no max_length: give it, and sequences of that length are read."
            )
            return
        if length > (256 if subject.large else LONGEST):
            hint = " (thorough tries 1,024)" if subject.large else ""
            yield POSITION_OVERFLOW.not_examined(f"max_length is {length}: more than is tried{hint}.")
            return
        batch = InputSampler(subject.contract, 27).batch(1, length, length)
        try:
            logits = subject.original.logits(batch)
        except CallbackError as error:
            yield POSITION_OVERFLOW.failed(f"length {length}", {"length": length}, because=f"The error is: {error}.")
            return
        yield (
            _repeated_index(subject, length)
            or _confused(subject, length)
            or POSITION_OVERFLOW.passed(
                f"A sequence of {logits.shape[1]} tokens is read, and its last positions differ."
            )
        )


def _repeated_index(subject: ModelUnderTest, length: int) -> Finding | None:
    """Find a table of positions that is indexed twice by the same number."""
    for name, row in position_indices(subject.original, length).items():
        if len(row.unique()) < length:
            position = next(at for at in range(1, length) if int(row[at]) in row[:at].tolist())
            return POSITION_OVERFLOW.failed(
                f"{name}, position {position}",
                {"length": length, "different indices": len(row.unique())},
                because=f"Position {position} gets the index {int(row[position])}, as an earlier one does.",
            )
    return None


def _confused(subject: ModelUnderTest, length: int) -> Finding | None:
    """Find late tokens that can be swapped without effect where early ones cannot."""
    i, j = length - 4, length - 3
    if length < 8 or _swap_is_unnoticed(subject, 5, 0, 1) or not _swap_is_unnoticed(subject, length, i, j):
        return None
    copy, (before, after, _) = subject.reinitialised, swapped(subject, "target", length, i, j)
    position = length - 1 if subject.contract.predicts_next else i
    return POSITION_OVERFLOW.failed(
        f"positions {i} and {j} of {length}",
        {"change": copy.change(before, after).max().item(), "threshold": copy.tolerance()},
        counterexample(copy, before, after, 0, position, f"tokens {i} and {j} swapped"),
        because="The last positions are confused; earlier ones are not.",
    )


def _swap_is_unnoticed(subject: ModelUnderTest, length: int, i: int, j: int) -> bool:
    """Return whether two tokens that have an effect can be swapped with no other effect than swapped outputs."""
    return bool(unnoticed_swaps(subject, subject.reinitialised, "target", length, [(i, j)])[1])
