"""Generation computes what training computed: one token at a time, with a cache, the logits are those of the whole."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import torch
from torch import Tensor

from seqwright.doctor.contract import Window
from seqwright.doctor.finding import Check, Counterexample, Finding
from seqwright.doctor.model_under_test import Body, CallbackError, ModelUnderTest, comparable
from seqwright.doctor.modes import EVAL
from seqwright.doctor.reading import ModelInput, Words, padded

CACHE_MISMATCH = Check(
    "cache-mismatch",
    "With the cache the model says something else than without it. The most likely token is often the same, so that nobody sees.",
    "look at the position that a cached token is given, at the mask of a query that is not the first (SDPA's is_causal begins at the top left), and at what a window drops",
)


def cache(patient: ModelUnderTest) -> Iterator[Finding]:
    """``cache-mismatch``: token by token, and after a prompt, against the whole at once."""
    if not patient.contract.decodes:
        return
    both = patient.contract.kind == "encoder-decoder"
    wanted = "step(model, ids, past, source, source_mask)" if both else "step(model, ids, past)"
    if patient.step is None or (both and not _hears(patient.step)):
        yield CACHE_MISMATCH.not_examined(
            f"Give {wanted} -> (logits, past), and cached steps are held against the whole."
        )
        return
    window = patient.contract.sees
    length = patient.length(
        max(24, min(96, 2 * window.size + 4)) if isinstance(window, Window) else 24 if not patient.thorough else 96
    )
    for body in patient.bodies:
        found = _mismatch(patient, patient.step, body, length)
        if found is not None:
            yield found
            return
    yield _in_chunks(patient, patient.step, length) or CACHE_MISMATCH.passed(
        f"{length} tokens one by one, and after prompts, are answered as the whole at once."
    )


def _hears(step: Any) -> bool:
    """Whether a step can be given a source."""
    taken = inspect.signature(step).parameters.values()
    places = [each for each in taken if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(places) >= 5 or any(each.kind is each.VAR_POSITIONAL for each in taken)


def _reading(patient: ModelUnderTest, length: int) -> ModelInput:
    """Two rows; where there is a source, with one that is padded, if anything pads."""
    words, contract = Words(patient.contract, 22), patient.contract
    ids = words.draw(2, length)
    if contract.bos is not None:
        ids[:, 0] = contract.bos
    if contract.kind != "encoder-decoder":
        return ModelInput(ids)
    source = words.draw(2, patient.length(7))
    if contract.pad is None or source.shape[1] < 2:
        return ModelInput(ids, source=source)
    side = "left" if contract.padding_side == "left" else "right"
    source, mask = padded([source[0].tolist(), source[1, :-1].tolist()], contract.pad, side)
    return ModelInput(ids, None, source, mask)


def _mismatch(patient: ModelUnderTest, step: Any, body: Body, length: int) -> Finding | None:
    """Where steps say something else than the whole, if they do."""
    reading = _reading(patient, length)
    whole = body.logits(reading)
    for told, pieces in (
        ("token by token", [1] * length),
        ("after a prompt", _after(length, 5)),
        ("after a longer prompt", _after(length, length * 2 // 3)),
    ):
        found = _compared(step, body, reading, whole, pieces, told)
        if found is not None:
            return found
    return None


def _in_chunks(patient: ModelUnderTest, step: Any, length: int) -> Finding | None:
    """Several tokens at once after the first: no plain generation does it, so that it is only warned of."""
    if length < 6:
        return None
    body, reading = patient.redrawn, _reading(patient, length)
    pieces = [2, *([3] * ((length - 2) // 3))]
    short = replace(reading, ids=reading.ids[:, : sum(pieces)])
    try:
        found = _compared(step, body, short, body.logits(short), pieces, "three at a time")
    except CallbackError:
        return None
    if found is None:
        return None
    told = "It matters where several tokens are given at once after the first: in speculative decoding, or for a prompt in parts."
    return msgspec.structs.replace(found, verdict="warn", explanation=f"{CACHE_MISMATCH.broken} {told}")


def _compared(
    step: Any, body: Body, reading: ModelInput, whole: Tensor, pieces: list[int], told: str
) -> Finding | None:
    said = _stepped(step, body, reading, pieces)
    skipped = reading.ids.shape[1] - said.shape[1]  # a step may tell its last token's logits only
    moved = (said - whole[:, skipped:]).abs().amax(-1)
    tolerance = max(body.tolerance(), (1e-6 if body.dtype == torch.float64 else 1e-4) * body.scale())
    if not (moved.isnan().any() or moved.max() > tolerance):
        return None
    row, place = (int(each) for each in (moved.nan_to_num(float("inf")) > tolerance).nonzero()[0])
    place += skipped
    sides = replace(reading, ids=reading.ids[:, : place + 1]).sides(row)
    agree = (said.argmax(-1) == whole[:, skipped:].argmax(-1)).double().mean().item()
    return CACHE_MISMATCH.failed(
        f"{told}, from position {place} on; {body.name}",
        {"moved": moved.max().item(), "threshold": tolerance, "same likeliest token": agree},
        Counterexample.between(
            sides,
            sides,
            whole[row, place],
            said[row, place - skipped],
            differ=f"read {told}",
            at=f"position {place}, the whole at once and {told}",
        ),
    )


def _after(length: int, prompt: int) -> list[int]:
    return [min(prompt, length), *([1] * (length - prompt))]


def _stepped(step: Any, body: Body, reading: ModelInput, pieces: list[int]) -> Tensor:
    """What steps say, ``[b t v]``, masked words as the whole has them."""
    said, past, begun = [], None, 0
    seen = reading.to(body.device)
    across = () if seen.source is None else (seen.source, seen.source_mask)
    with body.ready(EVAL) as module:
        for piece in pieces:
            if piece <= 0:
                continue
            try:
                logits, past = step(module, seen.ids[:, begun : begun + piece], past, *across)
            except Exception as error:
                raise CallbackError("step", error) from error
            if not isinstance(logits, Tensor) or logits.ndim not in (2, 3):
                raise CallbackError("step", ValueError("it returns no logits [batch, time, vocabulary]"))
            logits = logits if logits.ndim == 3 else logits[:, None]
            said.append(logits[:, -piece:])
            begun += piece
    return comparable(torch.cat(said, 1))
