"""What a trained model does with examples: whether it stops, and whether it generates what it knows when shown the truth."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqwright.doctor.checks.parameters import fresh
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.modes import EVAL
from seqwright.doctor.patient import CallbackError, Patient
from seqwright.doctor.reading import Reading

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
NEVER = 1e-3
"""An end that is so many times less likely than by guessing is never said, trained or not."""

KNOWN = 0.9
"""Share of next tokens that are right where the truth is shown: the model has learnt the examples."""


def behaviour(patient: Patient) -> Iterator[Finding]:
    """``never-stops`` and ``teacher-forced-only``."""
    lacking = [name for name in ("generate", "examples") if getattr(patient, name) is None]
    if lacking or not patient.contract.decodes:
        told = (
            f"Give {' and '.join(lacking)}, and what is generated is held against the examples."
            if lacking
            else "An encoder does not generate."
        )
        yield NEVER_STOPS.not_examined(told)
        yield TEACHER_FORCED_ONLY.not_examined(told)
        return
    assert patient.examples is not None
    assert patient.generate is not None
    both = patient.contract.kind == "encoder-decoder"
    asked = patient.examples["source"] if both else _prompts(patient)
    with patient.actual.ready(EVAL) as module:
        try:
            said = patient.generate(module, asked.to(patient.actual.device))
        except Exception as error:
            raise CallbackError("generate", error) from error
    rows = [row.tolist() if isinstance(row, Tensor) else list(row) for row in said]
    yield _stops(patient, rows, 0 if both else asked.shape[1])
    yield _forced(patient, rows)


def _prompts(patient: Patient) -> Tensor:
    """The first half of each example, as long as the shortest has one: what is to be continued."""
    assert patient.examples is not None
    ids, contract = patient.examples["ids"], patient.contract
    marks = [mark for mark in (contract.pad, contract.eos) if mark is not None]
    rows = [[each for each in row if each not in marks] for row in ids.tolist()]
    shortest = max(1, min(map(len, rows)) // 2)
    return torch.tensor([row[:shortest] for row in rows])


def _stops(patient: Patient, rows: list[list[int]], begun: int) -> Finding:
    eos = patient.contract.eos
    if eos is None:
        return NEVER_STOPS.not_examined("The contract names no end: answers may be of a fixed length.")
    endless = [row for row in range(len(rows)) if not _ends(rows[row][begun:], eos, patient.contract.pad)]
    evidence: dict[str, float | str] = {"answers": float(len(rows)), "that do not end": float(len(endless))}
    likeliest = _likeliest_end(patient, eos)
    evidence["likeliest that an end ever is"] = likeliest
    if endless and fresh(patient.model) and not likeliest <= NEVER / patient.contract.vocabulary:
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


def _likeliest_end(patient: Patient, eos: int) -> float:
    """The greatest probability that the end has at any place of the examples."""
    assert patient.examples is not None
    if patient.contract.kind == "encoder-decoder":
        if "target" not in patient.examples:
            return float("nan")
        reading = Reading(patient.examples["target"].cpu(), None, patient.examples["source"].cpu())
    else:
        reading = Reading(patient.examples["ids"].cpu())
    said = patient.actual.logits(reading).softmax(-1)
    return said[..., eos].nan_to_num(0.0).max().item() if said.shape[-1] > eos else 0.0


def _forced(patient: Patient, rows: list[list[int]]) -> Finding:
    contract, examples = patient.contract, patient.examples
    assert examples is not None
    if contract.kind != "encoder-decoder":
        return TEACHER_FORCED_ONLY.not_examined("A decoder alone has no one right answer to generate.")
    if "target" not in examples:
        return TEACHER_FORCED_ONLY.not_examined(
            "Give examples with targets, and what is generated is held against them."
        )
    source, target = examples["source"].cpu(), examples["target"].cpu()
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


def _same(row: list[int], target: list[int], contract) -> bool:
    """Whether a generated row says the target, marks and padding apart."""

    def bare(ids: list[int]) -> list[int]:
        ids = ids[1:] if contract.bos is not None and ids[:1] == [contract.bos] else ids
        if contract.eos is not None and contract.eos in ids:
            ids = ids[: ids.index(contract.eos)]
        return [each for each in ids if each != contract.pad]

    return bare(row) == bare(target)
