"""What a model does with the user's examples, seen as the studies see it: answers, answers alone, the truth shown, sources reordered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import SIDES
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest
from seqwright.doctor.modes import EVAL
from seqwright.doctor.reading import ModelInput
from seqwright.evaluation.behaviour import Answer, Behaviour


@dataclass(frozen=True)
class Answers:
    """Answers to the examples' sources, or to the beginnings of a decoder's examples.

    Attributes:
        asked: ``[b s]``, the sources or beginnings.
        rows: what was generated for each.
        behaviour: the same as studies record it, so that :mod:`seqwright.evaluation.signature` can name it; where a thing was not asked
            it is as if all were well.
        alone: of each source that is padded, what was generated without its padding.
        reordered: of each source with two tokens that can change places, what was generated when they had.
        truth: whether there were targets to be right about.
    """

    asked: Tensor
    rows: list[list[int]]
    behaviour: Behaviour
    alone: dict[int, list[int]]
    reordered: dict[int, tuple[list[int], list[int]]]
    truth: bool


def answered(patient: ModelUnderTest) -> Answers:
    """Ask for everything.

    Raises:
        CallbackError: generation fails, or returns something else than a row of ids for each.
    """
    assert patient.examples is not None
    contract, both = patient.contract, patient.contract.kind == "encoder-decoder"
    asked = patient.examples["source"] if both else _prompts(patient.examples["ids"], contract)
    rows = generated(patient, asked)
    alone = _alone(patient, asked) if both else {}
    reordered = _reordered(patient, asked) if both else {}
    forced = _forced(patient) if both and "target" in patient.examples else None
    targets = patient.examples["target"].tolist() if forced is not None else [None] * len(rows)
    begun = 0 if both else asked.shape[1]
    padded, bare = [], []
    for number, (row, target) in enumerate(zip(rows, targets, strict=True)):
        one, other = _comparable(row, alone.get(number, row), contract)
        right = target is not None and bare_of(row, contract) == bare_of(target, contract)
        stopped = contract.eos is None or ended(row[begun:], contract.eos, contract.pad)
        padded.append(Answer(one, right, stopped))
        bare.append(Answer(other, right, stopped))
    moved = [bare_of(then, contract) != bare_of(rows[row], contract) for row, (_, then) in reordered.items()]
    behaviour = Behaviour(
        pairs=(),
        padded=tuple(padded),
        alone=tuple(bare),
        forced=tuple(forced or ()),
        spread=1.0 if len({answer.symbols for answer in padded}) > 1 else 0.0,
        reordered=float(any(moved)) if moved else None,
    )
    return Answers(asked, rows, behaviour, alone, reordered, forced is not None)


def generated(patient: ModelUnderTest, asked: Tensor) -> list[list[int]]:
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


def bare_of(ids: list[int], contract: Contract) -> list[int]:
    """An answer without its beginning, its end, what comes after it, and padding."""
    ids = ids[1:] if contract.bos is not None and ids[:1] == [contract.bos] else ids
    if contract.eos is not None and contract.eos in ids:
        ids = ids[: ids.index(contract.eos)]
    return [each for each in ids if each != contract.pad]


def ended(row: list[int], eos: int, pad: int | None) -> bool:
    """Whether there is an end; one at the very beginning counts only if nothing follows, as some decoders begin with it."""
    return eos in row[1:] or (row[:1] == [eos] and all(each == pad for each in row[1:]))


def shown(patient: ModelUnderTest) -> ModelInput | None:
    """The examples as the model reads them when the truth is shown; ``None`` where they have no targets."""
    assert patient.examples is not None
    pad = patient.contract.pad
    masks = {name: None if pad is None else patient.examples[name] != pad for name in SIDES if name in patient.examples}
    if patient.contract.kind != "encoder-decoder":
        return ModelInput(patient.examples["ids"], masks["ids"])
    if "target" not in patient.examples:
        return None
    return ModelInput(patient.examples["target"], masks["target"], patient.examples["source"], masks["source"])


def _forced(patient: ModelUnderTest) -> list[bool]:
    """Whether every next token of each target is right where the truth before it is shown."""
    reading = shown(patient)
    assert reading is not None
    wanted = reading.ids[:, 1:]
    real = torch.ones_like(wanted, dtype=torch.bool) if reading.mask is None else reading.mask[:, 1:]
    said = patient.actual.logits(reading)[:, :-1].argmax(-1)
    return ((said == wanted) | ~real).all(1).tolist()


def _prompts(ids: Tensor, contract: Contract) -> Tensor:
    """The first half of each example, as long as the shortest has one: what is to be continued."""
    rows = []
    for row in ids.tolist():
        places = [place for place, each in enumerate(row) if each != contract.pad]
        row = row[places[0] : places[-1] + 1] if places else row[:1]
        rows.append(row[:-1] if len(row) > 1 and row[-1] == contract.eos else row)
    shortest = max(1, min(map(len, rows)) // 2)
    return torch.tensor([row[:shortest] for row in rows])


def _alone(patient: ModelUnderTest, asked: Tensor) -> dict[int, list[int]]:
    """The padded sources without their padding, among others of their own length."""
    pad, found = patient.contract.pad, {}
    sizes = (asked != pad).sum(1).tolist() if pad is not None else []
    for size in sorted(set(sizes) - {0, asked.shape[1]}):
        alike = [row for row, own in enumerate(sizes) if own == size]
        bare = torch.stack([asked[row][asked[row] != pad] for row in alike])
        found |= dict(zip(alike, generated(patient, bare), strict=True))
    return found


def _reordered(patient: ModelUnderTest, asked: Tensor) -> dict[int, tuple[list[int], list[int]]]:
    """Sources whose first two neighbours that differ have changed places, and what is answered then."""
    contract, changed, chosen = patient.contract, asked.clone(), []
    marks = {contract.pad, contract.bos, contract.eos}
    for row, ids in enumerate(asked.tolist()):
        places = [at for at in range(len(ids) - 1) if ids[at] != ids[at + 1] and not {ids[at], ids[at + 1]} & marks]
        if places:
            changed[row, places[0]], changed[row, places[0] + 1] = ids[places[0] + 1], ids[places[0]]
            chosen.append(row)
    if not chosen:
        return {}
    then = generated(patient, changed)
    return {row: (changed[row].tolist(), then[row]) for row in chosen}


def _comparable(one: list[int], other: list[int], contract: Contract) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two answers as far as both were let run."""
    size = min(len(one), len(other))
    shorter = one if len(one) == size else other
    if contract.eos not in shorter[1:]:  # it would have gone on
        one, other = one[:size], other[:size]
    first, second = (tuple(map(str, bare_of(ids, contract))) for ids in (one, other))
    return first, second
