"""Sequences as long as the contract says can be read, and places differ to the end."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqwright.doctor.checks.order import indexed_by_place
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.modes import EVAL
from seqwright.doctor.patient import CallbackError, Patient, counterexample
from seqwright.doctor.reading import Words

POSITION_OVERFLOW = Check(
    "position-overflow",
    "Sequences as long as the contract allows cannot be read, or their last places are taken for one another.",
    "look at the size of the table of positions, at clamps and remainders of positions, and at buffers made for a shorter length",
)
MOST = 1024


def length(patient: Patient) -> Iterator[Finding]:
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
    for name, asked in indexed_by_place(patient.actual, most).items():
        row = asked.flatten()[:most] if asked.ndim == 1 else asked[0]
        if len(row) == most and len(row.unique()) < most:
            twice = next(place for place in range(1, most) if int(row[place]) in row[:place].tolist())
            yield POSITION_OVERFLOW.failed(
                f"{name}, position {twice}", {"length": float(most), "different places": float(len(row.unique()))},
                because=f"Position {twice} is given the place {int(row[twice])}, which an earlier one has.",
            )  # fmt: skip
            return
    if most >= 8:
        for body in (patient.redrawn,):
            ids = reading.ids.clone()
            i, j = most - 4, most - 3
            if ids[0, i] == ids[0, j]:
                ids[0, j] = Words(patient.contract, 28).other(ids[0, j : j + 1])[0]
            before = reading.with_ids(ids)
            swapped = ids.clone()
            swapped[0, [i, j]] = ids[0, [j, i]]
            after = before.with_ids(swapped)
            moved = body.moved(before, after)
            if patient.contract.decodes:
                place = most - 1
                changed = before.with_ids(
                    torch.cat([ids[:, :i], Words(patient.contract, 29).other(ids[:, i : i + 1]), ids[:, i + 1 :]], 1)
                )
                heard = body.moved(before, changed)[0, place]
                blind = moved[0, place] <= max(body.tolerance(), 1e-4 * heard) and heard > body.tolerance()
            else:
                one, other = body.logits(before), body.logits(after)
                blind = one.shape[1] == most and (one[0, i] - other[0, j]).abs().max() <= body.tolerance()
                place = i
            early = _early_swap_is_seen(patient)
            if blind and early:
                yield POSITION_OVERFLOW.failed(
                    f"places {i} and {j} of {most}", {"moved": moved.max().item(), "threshold": body.tolerance()},
                    counterexample(body, before, after, 0, place, f"tokens {i} and {j} change places", EVAL),
                    because="Here the last places are one and the same to the model, earlier ones are not.",
                )  # fmt: skip
                return
    yield POSITION_OVERFLOW.passed(f"A sequence of {said.shape[1]} tokens is read, and its last places differ.")


def _early_swap_is_seen(patient: Patient) -> bool:
    body = patient.redrawn
    reading = Words(patient.contract, 30).reading(1, 5)
    ids = reading.ids.clone()
    if ids[0, 0] == ids[0, 1]:
        return False
    ids[0, [0, 1]] = reading.ids[0, [1, 0]]
    return bool(body.moved(reading, reading.with_ids(ids))[0, -1] > body.tolerance())
