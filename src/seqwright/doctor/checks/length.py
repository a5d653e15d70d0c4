"""Sequences as long as the contract says can be read, and places differ to the end."""

from __future__ import annotations

from collections.abc import Iterator

from seqwright.doctor.checks.order import indexed_by_place, replaced, swapped
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL
from seqwright.doctor.reading import Words

POSITION_OVERFLOW = Check(
    "position-overflow",
    "Sequences as long as the contract allows cannot be read, or their last places are taken for one another.",
    "look at the size of the table of positions, at clamps and remainders of positions, and at buffers made for a shorter length",
)
MOST = 1024


def length(patient: ModelUnderTest) -> Iterator[Finding]:
    """``position-overflow``."""
    most = patient.contract.max_length
    if most is None:
        yield POSITION_OVERFLOW.not_examined(
            "The contract has no max_length: give it, and sequences of that length are read."
        )
        return
    if most > (MOST if patient.thorough or not patient.heavy else 256):
        yield POSITION_OVERFLOW.not_examined(
            f"max_length is {most}: more than is tried here{' (thorough tries 1,024)' if patient.heavy else ''}."
        )
        return
    reading = Words(patient.contract, 27).reading(1, most, most)
    try:
        said = patient.actual.logits(reading)
    except CallbackError as error:
        yield POSITION_OVERFLOW.failed(f"length {most}", {"length": float(most)}, because=f"Here {error}.")
        return
    yield (
        _given_twice(patient, most)
        or _taken_for_one_another(patient, most)
        or POSITION_OVERFLOW.passed(f"A sequence of {said.shape[1]} tokens is read, and its last places differ.")
    )


def _given_twice(patient: ModelUnderTest, most: int) -> Finding | None:
    """A table of positions that is asked for the same place twice."""
    for name, asked in indexed_by_place(patient.actual, most).items():
        row = asked[0] if asked.ndim == 2 else asked
        if len(row.unique()) < most:
            twice = next(place for place in range(1, most) if int(row[place]) in row[:place].tolist())
            return POSITION_OVERFLOW.failed(
                f"{name}, position {twice}",
                {"length": float(most), "different places": float(len(row.unique()))},
                because=f"Position {twice} is given the place {int(row[twice])}, which an earlier one has.",
            )
    return None


def _taken_for_one_another(patient: ModelUnderTest, most: int) -> Finding | None:
    """Late tokens that may change places unseen, where early ones may not."""
    i, j = most - 4, most - 3
    if most < 8 or _unseen(patient, 5, 0, 1) or not _unseen(patient, most, i, j):
        return None
    body, (before, after) = patient.redrawn, swapped(patient, "target", most, i, j)
    place = most - 1 if patient.contract.decodes else i
    return POSITION_OVERFLOW.failed(
        f"places {i} and {j} of {most}",
        {"moved": body.moved(before, after).max().item(), "threshold": body.tolerance()},
        counterexample(body, before, after, 0, place, f"tokens {i} and {j} change places", EVAL),
        because="Here the last places are one and the same to the model, earlier ones are not.",
    )


def _unseen(patient: ModelUnderTest, length: int, i: int, j: int) -> bool:
    """Whether two tokens that are heard can change places with nothing changed but the places of outputs."""
    body, (before, after) = patient.redrawn, swapped(patient, "target", length, i, j)
    one, other = body.logits(before)[0], body.logits(after)[0]
    heard = (one - body.logits(replaced(patient, "target", before, i))[0]).abs()
    if patient.contract.decodes:  # the last output sees both
        moved, heard = (one[-1] - other[-1]).abs().max(), heard[-1].max()
    elif len(one) == length:
        moved, heard = (one[i] - other[j]).abs().max(), heard.max()
    else:
        return False
    return bool(heard > body.tolerance() and moved <= max(body.tolerance(), 1e-4 * heard.item()))
