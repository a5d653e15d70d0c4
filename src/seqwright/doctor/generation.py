"""Sequences generated from the user's examples: in a batch, without padding, with reordered sources, and beside their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import side_of
from seqwright.doctor.model_input import ModelInput
from seqwright.doctor.model_under_test import CallbackError, ModelUnderTest
from seqwright.doctor.run_modes import EVAL


@dataclass(frozen=True)
class GeneratedAnswers:
    """Answers to the sources of the examples, or continuations of a decoder's examples.

    Attributes:
        prompts: ``[b s]``, the sources or the beginnings.
        rows: the ids generated for each.
        ended: for each, whether it has an end; ``True`` where the contract has none.
        alone: for each padded source the ids generated without its padding.
        reordered: for each source with two tokens to swap, the changed source and the ids generated for it.
        forced: for each target, whether every next token is predicted from the true tokens before it; empty without targets.
    """

    prompts: Tensor
    rows: list[list[int]]
    ended: list[bool]
    alone: dict[int, list[int]]
    reordered: dict[int, tuple[list[int], list[int]]]
    forced: list[bool]


def generate_answers(subject: ModelUnderTest) -> GeneratedAnswers:
    """Generate from the examples.

    Raises:
        CallbackError: generation fails, or does not return a row of ids for each prompt.
    """
    assert subject.examples is not None
    contract, both = subject.contract, subject.contract.reads_source
    prompts = subject.examples["source"] if both else _prompts(subject.examples["ids"], contract)
    rows, start = generated_rows(subject, prompts), 0 if both else prompts.shape[1]
    ended = [contract.eos is None or has_ended(row[start:], contract.eos, contract.pad) for row in rows]
    if not both:
        return GeneratedAnswers(prompts, rows, ended, {}, {}, [])
    alone, reordered = _alone(subject, prompts), _reordered(subject, prompts)
    return GeneratedAnswers(prompts, rows, ended, alone, reordered, _teacher_forced(subject))


def generated_rows(subject: ModelUnderTest, prompts: Tensor) -> list[list[int]]:
    """Return the ids generated for each prompt.

    Raises:
        CallbackError: generation fails, or does not return a row of ids for each prompt.
    """
    assert subject.generate is not None
    with subject.original.running(EVAL) as module:
        try:
            generated = subject.generate(module, prompts.clone().to(subject.original.device))
            rows = [[int(each) for each in row] for row in generated]
        except Exception as error:
            raise CallbackError("generate", error) from error
    if len(rows) != len(prompts):
        raise CallbackError("generate", ValueError(f"it returns {len(rows)} rows for {len(prompts)}"))
    return rows


def answer_ids(ids: list[int], contract: Contract) -> list[int]:
    """Return an answer without its beginning, its end, the ids after that, and padding."""
    ids = ids[1:] if contract.bos is not None and ids[:1] == [contract.bos] else ids
    if contract.eos is not None and contract.eos in ids:
        ids = ids[: ids.index(contract.eos)]
    return [each for each in ids if each != contract.pad]


def comparable_answers(first: list[int], second: list[int], contract: Contract) -> tuple[tuple[int, ...], ...]:
    """Return two answers, both cut to the length of the shorter one where that one did not end."""
    end = None if contract.eos in min(first, second, key=len)[1:] else min(len(first), len(second))
    return tuple(tuple(answer_ids(ids[:end], contract)) for ids in (first, second))


def has_ended(row: list[int], eos: int, pad: int | None) -> bool:
    """Return whether a row has an end; one at its very beginning counts only if padding follows, as some decoders begin with it."""
    return eos in row[1:] or (row[:1] == [eos] and all(each == pad for each in row[1:]))


def teacher_forced_input(subject: ModelUnderTest) -> ModelInput | None:
    """Return the examples as a batch with targets to read; ``None`` where they have no targets."""
    assert subject.examples is not None
    examples, contract = subject.examples, subject.contract

    def mask(name: str) -> Tensor | None:
        pad = contract.pad_of(side_of(name))
        return None if pad is None else examples[name] != pad

    if not subject.contract.reads_source:
        return ModelInput(examples["ids"], mask("ids"))
    if "target" not in examples:
        return None
    return ModelInput(examples["target"], mask("target"), examples["source"], mask("source"))


def _teacher_forced(subject: ModelUnderTest) -> list[bool]:
    batch = teacher_forced_input(subject)
    if batch is None:
        return []
    labels = batch.ids[:, 1:]
    real = torch.ones_like(labels, dtype=torch.bool) if batch.mask is None else batch.mask[:, 1:]
    predicted = subject.original.logits(batch)[:, :-1].argmax(-1)
    return ((predicted == labels) | ~real).all(1).tolist()


def _prompts(ids: Tensor, contract: Contract) -> Tensor:
    """Return the beginning of each example, half as long as the shortest."""
    rows = []
    for row in ids.tolist():
        real = [position for position, each in enumerate(row) if each != contract.pad]
        row = row[real[0] : real[-1] + 1] if real else row[:1]
        rows.append(row[:-1] if len(row) > 1 and row[-1] == contract.eos else row)
    length = max(1, min(map(len, rows)) // 2)
    return torch.tensor([row[:length] for row in rows])


def _alone(subject: ModelUnderTest, prompts: Tensor) -> dict[int, list[int]]:
    """Generate from the padded sources without their padding, together with others of the same length."""
    pad, found = subject.contract.pad_of("source"), {}
    lengths = (prompts != pad).sum(1).tolist() if pad is not None else []
    for length in sorted(set(lengths) - {0, prompts.shape[1]}):
        rows = [row for row, own in enumerate(lengths) if own == length]
        unpadded = torch.stack([prompts[row][prompts[row] != pad] for row in rows])
        found |= dict(zip(rows, generated_rows(subject, unpadded), strict=True))
    return found


def _reordered(subject: ModelUnderTest, prompts: Tensor) -> dict[int, tuple[list[int], list[int]]]:
    """Swap in each source the first two neighbours that differ, and generate from the changed sources."""
    contract, changed, rows = subject.contract, prompts.clone(), []
    marks = set(contract.marks("source"))
    for row, ids in enumerate(prompts.tolist()):
        swappable = [at for at in range(len(ids) - 1) if ids[at] != ids[at + 1] and not {ids[at], ids[at + 1]} & marks]
        if swappable:
            at = swappable[0]
            changed[row, at], changed[row, at + 1] = ids[at + 1], ids[at]
            rows.append(row)
    if not rows:
        return {}
    after = generated_rows(subject, changed)
    return {row: (changed[row].tolist(), after[row]) for row in rows}
