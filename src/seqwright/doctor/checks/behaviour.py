"""What a trained model does with examples, by the studies' signatures: whether it stops, generates what it knows, and minds its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log

from seqwright.doctor.answers import Answers, answered, shown
from seqwright.doctor.checks.parameters import fresh
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import ModelUnderTest
from seqwright.doctor.reading import Words
from seqwright.evaluation.behaviour import Behaviour
from seqwright.evaluation.signature import never_stops, order_blind, padding_dependent, teacher_forced_only

NEVER_STOPS = Check(
    "never-stops",
    "Generated answers do not end.",
    "look whether the end is among the labels (labels-without-eos), whether generation knows its id, and whether positions beyond training were ever trained",
)
TEACHER_FORCED_ONLY = Check(
    "teacher-forced-only",
    "Shown the truth, the model knows what comes next; generating, it does not say it.",
    "look for a leak of the future, for a cache that is off, and for generation that begins otherwise than training (bos, padding side, shift)",
)
ANSWERS_PADDED = Check(
    "answers-padded",
    "A source gets another answer alone than among longer ones.",
    "look for a padding mask that generation does not pass on, and for the side that generation pads on",
)
ANSWERS_REORDERED = Check(
    "answers-reordered",
    "No source gets another answer when two of its tokens change places.",
    "see order-blind; and look whether generation gives the model the places that training gave it",
)
ANSWERS_CONSTANT = Check(
    "answers-constant",
    "Every source gets the same answer, though the targets differ.",
    "see mean-collapse and source-ignored; then whether the loss still falls, and what the learning rate does to it",
)
CHECKS = (NEVER_STOPS, TEACHER_FORCED_ONLY, ANSWERS_PADDED, ANSWERS_REORDERED, ANSWERS_CONSTANT)
NEVER = 1e-3
"""An end that is so many times less likely than by guessing is never said, trained or not."""

GUESSING = 0.9
"""A model that is on average unsure by more than this part of what a guesser is (in nats) has not been trained."""
KNOWN = 0.9
"""Share of next tokens that are right where the truth is shown: the model has learnt the examples."""


def behaviour(patient: ModelUnderTest) -> Iterator[Finding]:
    """What :data:`CHECKS` names."""
    lacking = [name for name in ("generate", "examples") if getattr(patient, name) is None]
    if lacking or not patient.contract.decodes:
        told = (
            f"Give {' and '.join(lacking)}, and what is generated is held against the examples."
            if lacking
            else "An encoder does not generate."
        )
        for check in CHECKS:
            yield check.not_examined(told)
        return
    seen = answered(patient)
    yield _stops(patient, seen)
    if patient.contract.kind != "encoder-decoder":
        for check in CHECKS[1:]:
            yield check.not_examined("A decoder alone has no source, and no one right answer.")
        return
    yield _forced(seen)
    yield _padded(seen)
    yield _reordered(patient, seen)
    yield _constant(patient, seen)


def _stops(patient: ModelUnderTest, seen: Answers) -> Finding:
    contract = patient.contract
    if contract.eos is None:
        return NEVER_STOPS.not_examined("The contract names no end: answers may be of a fixed length.")
    endless = [row for row, answer in enumerate(seen.behaviour.padded) if not answer.stopped]
    likeliest = _likeliest_end(patient, contract.eos)
    evidence: dict[str, float | str] = {
        "answers": float(len(seen.rows)), "that do not end": float(len(endless)), "likeliest that an end ever is": likeliest,
    }  # fmt: skip
    if not never_stops(seen.behaviour):
        return NEVER_STOPS.passed("Every answer ends.", **evidence)
    if _untrained(patient) and not likeliest <= NEVER / contract.vocabulary:
        return NEVER_STOPS.inconclusive("The model is not trained: that it does not end says nothing.", **evidence)
    made_up = contract.kind == "encoder-decoder" and not seen.truth
    return NEVER_STOPS.failed(
        f"{'made-up ' if made_up else ''}example {endless[0]}: {seen.rows[endless[0]][:24]}",
        evidence,
        only_warn=made_up and 2 * len(endless) < len(seen.rows),
    )


def _forced(seen: Answers) -> Finding:
    if not seen.truth:
        return TEACHER_FORCED_ONLY.not_examined(
            "Give examples with targets, and what is generated is held against them."
        )
    known = [row for row, right in enumerate(seen.behaviour.forced) if right]
    lost = [row for row in known if not seen.behaviour.padded[row].correct]
    evidence: dict[str, float | str] = {
        "right when shown the truth": len(known) / len(seen.rows),
        "right when generated": sum(answer.correct for answer in seen.behaviour.padded) / len(seen.rows),
    }
    if len(known) < KNOWN * len(seen.rows):
        return TEACHER_FORCED_ONLY.inconclusive("The model has not learnt the examples.", **evidence)
    if teacher_forced_only(_of_rows(seen.behaviour, known)) and len(lost) > (1 - KNOWN) * len(seen.rows):
        return TEACHER_FORCED_ONLY.failed(f"example {lost[0]}: {seen.rows[lost[0]][:24]} is generated", evidence)
    return TEACHER_FORCED_ONLY.passed("What is known is generated.", **evidence)


def _of_rows(seen: Behaviour, rows: list[int]) -> Behaviour:
    padded, alone = (tuple(side[row] for row in rows) for side in (seen.padded, seen.alone))
    return replace(seen, padded=padded, alone=alone, forced=tuple(seen.forced[row] for row in rows))


def _padded(seen: Answers) -> Finding:
    if not seen.alone:
        return ANSWERS_PADDED.not_examined("No source of the examples is padded.")
    lost = [row for row in seen.alone if seen.behaviour.padded[row].symbols != seen.behaviour.alone[row].symbols]
    evidence: dict[str, float | str] = {"sources": float(len(seen.alone)), "answered otherwise alone": float(len(lost))}
    if not padding_dependent(seen.behaviour):
        return ANSWERS_PADDED.passed("Answers are the same alone and among longer sources.", **evidence)
    row = lost[0]
    where = f"source {seen.asked[row].tolist()}: {seen.rows[row][:24]} among others, {seen.alone[row][:24]} alone"
    return ANSWERS_PADDED.failed(where, evidence)


def _reordered(patient: ModelUnderTest, seen: Answers) -> Finding:
    if not seen.reordered:
        return ANSWERS_REORDERED.not_examined("No source of the examples has two tokens that could change places.")
    sources = float(len(seen.reordered))
    if not order_blind(seen.behaviour):
        return ANSWERS_REORDERED.passed("Answers follow the order of their sources.", sources=sources)
    if _untrained(patient):
        return ANSWERS_REORDERED.inconclusive(
            "The model is not trained: that it says the same says nothing.", sources=sources
        )
    row, (changed, _) = next(iter(seen.reordered.items()))
    where = f"sources {seen.asked[row].tolist()} and {changed}: {seen.rows[row][:24]}"
    told = "It may be meant so, as where a source is sorted or counted."
    return ANSWERS_REORDERED.failed(where, {"sources": sources}, because=told, only_warn=True)


def _constant(patient: ModelUnderTest, seen: Answers) -> Finding:
    """Whether the answers' spread is none."""
    if not seen.truth or len({tuple(row) for row in patient.examples["target"].tolist()}) < 2:  # type: ignore[index]
        return ANSWERS_CONSTANT.not_examined("Give examples with targets that differ.")
    if seen.behaviour.spread:
        return ANSWERS_CONSTANT.passed("Answers differ.")
    if _untrained(patient):
        return ANSWERS_CONSTANT.inconclusive("The model is not trained: that it says the same says nothing.")
    return ANSWERS_CONSTANT.failed(f"all {len(seen.rows)} sources: {seen.rows[0][:24]}", {"answers": 1.0})


def _likeliest_end(patient: ModelUnderTest, eos: int) -> float:
    """The greatest probability that the end has at any place of the examples."""
    reading = shown(patient)
    if reading is None:
        return float("nan")
    said = patient.actual.logits(reading).softmax(-1)
    return said[..., eos].nan_to_num(0.0).max().item() if said.shape[-1] > eos else 0.0


def _untrained(patient: ModelUnderTest) -> bool:
    """Whether it looks as if it had never been trained: its norms are as they begin, or it is hardly surer than a guesser."""
    if fresh(patient.actual.module):
        return True
    reading = shown(patient) or Words(patient.contract, 32).reading(4, patient.length(6))
    said = patient.actual.logits(reading).nan_to_num(0.0).log_softmax(-1)
    unsure = -(said.exp() * said).sum(-1).mean().item()
    return unsure > GUESSING * log(said.shape[-1])
