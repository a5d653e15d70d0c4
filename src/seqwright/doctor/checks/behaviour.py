"""What a trained model does with examples: whether it stops, and whether it generates what it knows when shown the truth."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqwright.doctor.checks.parameters import fresh
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.modes import EVAL
from seqwright.doctor.patient import CallbackError, Patient
from seqwright.doctor.reading import Reading, Words

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
CHECKS = (NEVER_STOPS, TEACHER_FORCED_ONLY, ANSWERS_PADDED, ANSWERS_REORDERED)
NEVER = 1e-3
"""An end that is so many times less likely than by guessing is never said, trained or not."""

GUESSING = 3.0
"""Times the probability of guessing: a model whose favourites are on average below has not been trained."""
KNOWN = 0.9
"""Share of next tokens that are right where the truth is shown: the model has learnt the examples."""


def behaviour(patient: Patient) -> Iterator[Finding]:
    """``never-stops``, ``teacher-forced-only``, and whether answers depend on padding and on order."""
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
    assert patient.examples is not None
    both = patient.contract.kind == "encoder-decoder"
    asked = patient.examples["source"] if both else _prompts(patient)
    rows = generated(patient, asked)
    yield _stops(patient, rows, 0 if both else asked.shape[1])
    yield _forced(patient, rows)
    yield _alone(patient, asked, rows) if both else ANSWERS_PADDED.not_examined("Prompts are asked without padding.")
    yield (
        _reordered(patient, asked, rows)
        if both
        else ANSWERS_REORDERED.not_examined("A prompt's order is order-blind's.")
    )


def generated(patient: Patient, asked: Tensor) -> list[list[int]]:
    """The model's own answers to sources or prompts.

    Raises:
        CallbackError: generation fails, or returns something else than a row of ids for each.
    """
    assert patient.generate is not None
    with patient.actual.ready(EVAL) as module:
        try:
            said = patient.generate(module, asked.clone().to(patient.actual.device))
            rows = [[int(each) for each in row] for row in said]
        except Exception as error:
            raise CallbackError("generate", error) from error
    if len(rows) != len(asked):
        raise CallbackError("generate", ValueError(f"it returns {len(rows)} rows for {len(asked)}"))
    return rows


def _prompts(patient: Patient) -> Tensor:
    """The first half of each example, as long as the shortest has one: what is to be continued."""
    assert patient.examples is not None
    contract = patient.contract
    rows = [_bare_ends(row, contract) for row in patient.examples["ids"].tolist()]
    shortest = max(1, min(map(len, rows)) // 2)
    return torch.tensor([row[:shortest] for row in rows])


def _bare_ends(row: list[int], contract: Contract) -> list[int]:
    """A row without padding, and without the end that it ends with."""
    places = [place for place, each in enumerate(row) if each != contract.pad]
    row = row[places[0] : places[-1] + 1] if places else row[:1]
    return row[:-1] if len(row) > 1 and row[-1] == contract.eos else row


def _alone(patient: Patient, asked: Tensor, rows: list[list[int]]) -> Finding:
    """Each padded source by itself: the same answer?"""
    pad = patient.contract.pad
    padded_rows = [row for row in range(len(asked)) if pad is not None and (asked[row] == pad).any()]
    if not padded_rows:
        return ANSWERS_PADDED.not_examined("No source of the examples is padded.")
    lost = []
    for size in sorted({int((asked[row] != pad).sum()) for row in padded_rows}):
        alike = [row for row in padded_rows if int((asked[row] != pad).sum()) == size]
        alone = generated(patient, torch.stack([asked[row][asked[row] != pad] for row in alike]))
        lost += [
            (row, said) for row, said in zip(alike, alone, strict=True) if _parts(said, rows[row], patient.contract)
        ]
    evidence: dict[str, float | str] = {
        "sources": float(len(padded_rows)),
        "answered otherwise alone": float(len(lost)),
    }
    if lost:
        row, alone = lost[0]
        where = f"source {asked[row].tolist()}: {rows[row][:24]} among others, {alone[:24]} alone"
        return ANSWERS_PADDED.failed(where, evidence)
    return ANSWERS_PADDED.passed("Answers are the same alone and among longer sources.", **evidence)


def _parts(one: list[int], other: list[int], contract: Contract) -> bool:
    """Whether two answers differ, as far as both were let run."""
    shorter, longer = sorted((one, other), key=len)
    if contract.eos not in shorter[1:]:  # it would have gone on
        longer = longer[: len(shorter)]
    return _said(shorter, contract) != _said(longer, contract)


def _untrained(patient: Patient) -> bool:
    """Whether it looks as if it had never been trained."""
    return fresh(patient.actual.module) or _undecided(patient)


def _reordered(patient: Patient, asked: Tensor, rows: list[list[int]]) -> Finding:
    """Sources with two neighbours that differ in each other's place: is any answered otherwise?"""
    contract, changed, chosen = patient.contract, asked.clone(), []
    marks = {contract.pad, contract.bos, contract.eos}
    for row, ids in enumerate(asked.tolist()):
        places = [at for at in range(len(ids) - 1) if ids[at] != ids[at + 1] and not {ids[at], ids[at + 1]} & marks]
        if places:
            changed[row, places[0]], changed[row, places[0] + 1] = ids[places[0] + 1], ids[places[0]]
            chosen.append(row)
    if not chosen:
        return ANSWERS_REORDERED.not_examined("No source of the examples has two tokens that could change places.")
    then = generated(patient, changed)
    moved = sum(_said(then[row], contract) != _said(rows[row], contract) for row in chosen)
    evidence: dict[str, float | str] = {"sources": float(len(chosen)), "answered otherwise": float(moved)}
    if moved:
        return ANSWERS_REORDERED.passed("Answers follow the order of their sources.", **evidence)
    if _untrained(patient):
        return ANSWERS_REORDERED.inconclusive(
            "The model is not trained: that it says the same says nothing.", **evidence
        )
    row = chosen[0]
    where = f"sources {asked[row].tolist()} and {changed[row].tolist()}: {rows[row][:24]}"
    told = "It may be meant so, as where a source is sorted or counted."
    return ANSWERS_REORDERED.failed(where, evidence, because=told, only_warn=True)


def _stops(patient: Patient, rows: list[list[int]], begun: int) -> Finding:
    eos = patient.contract.eos
    if eos is None:
        return NEVER_STOPS.not_examined("The contract names no end: answers may be of a fixed length.")
    endless = [row for row in range(len(rows)) if not _ends(rows[row][begun:], eos, patient.contract.pad)]
    evidence: dict[str, float | str] = {"answers": float(len(rows)), "that do not end": float(len(endless))}
    likeliest = _likeliest_end(patient, eos)
    evidence["likeliest that an end ever is"] = likeliest
    if endless and _untrained(patient) and not likeliest <= NEVER / patient.contract.vocabulary:
        return NEVER_STOPS.inconclusive("The model is not trained: that it does not end says nothing.", **evidence)
    made_up = "target" not in (patient.examples or {}) and "ids" not in (patient.examples or {})
    if endless:
        return NEVER_STOPS.failed(
            f"{'made-up ' if made_up else ''}example {endless[0]}: {rows[endless[0]][:24]}",
            evidence,
            only_warn=made_up and 2 * len(endless) < len(rows),
        )
    return NEVER_STOPS.passed("Every answer ends.", **evidence)


def _ends(row: list[int], eos: int, pad: int | None) -> bool:
    """Whether there is an end; one at the very beginning counts only if nothing follows, as some decoders begin with it."""
    return eos in row[1:] or (row[:1] == [eos] and all(each == pad for each in row[1:]))


def _shown(patient: Patient) -> Reading | None:
    """The examples as the model reads them when the truth is shown; ``None`` where they have no targets."""
    assert patient.examples is not None
    if patient.contract.kind != "encoder-decoder":
        return Reading(patient.examples["ids"])
    return (
        Reading(patient.examples["target"], None, patient.examples["source"]) if "target" in patient.examples else None
    )


def _likeliest_end(patient: Patient, eos: int) -> float:
    """The greatest probability that the end has at any place of the examples."""
    reading = _shown(patient)
    if reading is None:
        return float("nan")
    said = patient.actual.logits(reading).softmax(-1)
    return said[..., eos].nan_to_num(0.0).max().item() if said.shape[-1] > eos else 0.0


def _undecided(patient: Patient) -> bool:
    """Whether nothing is much likelier than by guessing, as in a model that was never trained."""
    reading = _shown(patient) or Words(patient.contract, 32).reading(4, patient.length(6))
    likeliest = patient.actual.logits(reading).softmax(-1).amax(-1)
    return bool(likeliest.nan_to_num(0.0).mean() < GUESSING / patient.contract.vocabulary)


def _forced(patient: Patient, rows: list[list[int]]) -> Finding:
    contract, examples = patient.contract, patient.examples
    assert examples is not None
    if contract.kind != "encoder-decoder":
        return TEACHER_FORCED_ONLY.not_examined("A decoder alone has no one right answer to generate.")
    if "target" not in examples:
        return TEACHER_FORCED_ONLY.not_examined(
            "Give examples with targets, and what is generated is held against them."
        )
    source, target = examples["source"], examples["target"]
    masks = (None, None) if contract.pad is None else (source != contract.pad, target != contract.pad)
    said = patient.actual.logits(Reading(target, masks[1], source, masks[0]))
    wanted = target[:, 1:]
    real = torch.ones_like(wanted, dtype=torch.bool) if masks[1] is None else masks[1][:, 1:]
    right = ((said[:, :-1].argmax(-1) == wanted) | ~real).all(1)
    generated = [_same(row, target[place].tolist(), contract) for place, row in enumerate(rows)]
    evidence: dict[str, float | str] = {
        "right when shown the truth": right.double().mean().item(),
        "right when generated": sum(generated) / len(generated),
    }
    if right.double().mean() < KNOWN:
        return TEACHER_FORCED_ONLY.inconclusive("The model has not learnt the examples.", **evidence)
    lost = [place for place in range(len(rows)) if right[place] and not generated[place]]
    if len(lost) > (1 - KNOWN) * len(rows):
        return TEACHER_FORCED_ONLY.failed(
            f"example {lost[0]}: {rows[lost[0]][:24]} for {target[lost[0]].tolist()[:24]}", evidence
        )
    return TEACHER_FORCED_ONLY.passed("What is known is generated.", **evidence)


def _same(row: list[int], target: list[int], contract: Contract) -> bool:
    """Whether a generated row says the target, marks and padding apart."""
    return _said(row, contract) == _said(target, contract)


def _said(ids: list[int], contract: Contract) -> list[int]:
    """An answer without its beginning, its end, what comes after it, and padding."""
    ids = ids[1:] if contract.bos is not None and ids[:1] == [contract.bos] else ids
    if contract.eos is not None and contract.eos in ids:
        ids = ids[: ids.index(contract.eos)]
    return [each for each in ids if each != contract.pad]
