"""Agreement of cached generation with training: the logits of single steps are those of the whole sequence."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import torch
from torch import Tensor

from seqwright.core.model import State
from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.finding import Counterexample, Finding
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows
from seqwright.doctor.model_under_test import CallbackError, ModelCopy, ModelUnderTest, comparable
from seqwright.doctor.run_modes import EVAL

CACHE_MISMATCH = Check(
    "cache-mismatch",
    "With the cache the logits are not those without it. The likeliest token is often the same, so that it goes unnoticed.",
    "look at the position that a cached token gets, at the mask of a query that is not the first (SDPA's is_causal begins at the top left), and at what a window drops",
    applies=lambda contract: contract.predicts_next,
)


class CacheChecks(Spec, CheckGroup):
    """``cache-mismatch``."""

    checks = (CACHE_MISMATCH,)
    order = 9

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Compare token-by-token decoding, also after a prompt and with rows reordered, with the whole sequence."""
        both = subject.contract.reads_source
        if subject.step is None or (both and not _takes_source(subject.step)):
            wanted = "step(model, ids, past, source, source_mask)" if both else "step(model, ids, past)"
            yield CACHE_MISMATCH.not_examined(
                f"Give {wanted} -> (logits, past), and cached steps are compared with the whole sequence."
            )
            return
        window = subject.contract.effective_visibility.window_size
        longest = max(24, min(96, 2 * window + 4)) if window else 96 if subject.thorough else 24
        length = subject.length(longest)
        yield (
            _mismatch(subject, subject.step, length)
            or _in_pieces_of_three(subject, subject.step, length)
            or CACHE_MISMATCH.passed(
                f"{length} tokens one by one, and after prompts, have the logits of the whole sequence."
            )
        )


def _takes_source(step: Any) -> bool:
    """Return whether a step has arguments for a source and its mask."""
    parameters = inspect.signature(step).parameters.values()
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(positional) >= 5 or any(each.kind is each.VAR_POSITIONAL for each in parameters)


def _batch(subject: ModelUnderTest, length: int) -> ModelInput:
    """Draw two rows, and where there is a source, two of which one is padded."""
    sampler, contract = InputSampler(subject.contract, 22), subject.contract
    ids = sampler.ids(2, length)
    if contract.bos is not None:
        ids[:, 0] = contract.bos
    if not contract.reads_source:
        return ModelInput(ids)
    source, pad = sampler.ids(2, subject.length(7), "source"), contract.pad_of("source")
    if pad is None or source.shape[1] < 2:
        return ModelInput(ids, source=source)
    source, mask = pad_rows([source[0].tolist(), source[1, :-1].tolist()], pad, contract.padding_sides[0])
    return ModelInput(ids, None, source, mask)


@dataclass(frozen=True)
class CachedReading:
    """A way to read a sequence with the cache.

    Attributes:
        name: a description.
        pieces: the numbers of tokens read at once.
        swap_rows: whether the rows of the state are selected in another order after half of the pieces, as in beam search.
        rewind: whether another token is read there, and the state rewound, as in speculative decoding.
    """

    name: str
    pieces: Sequence[int]
    swap_rows: bool = False
    rewind: bool = False


def _mismatch(subject: ModelUnderTest, step: Any, length: int) -> Finding | None:
    def after(prompt: int) -> list[int]:
        return [min(prompt, length), *([1] * (length - prompt))]

    readings = [
        CachedReading("token by token", [1] * length),
        CachedReading("after a prompt", after(5)),
        CachedReading("after a longer prompt", after(length * 2 // 3)),
    ]
    if subject.spec is not None:  # caches of other libraries have no common interface
        readings += [
            CachedReading("with rows selected in another order", after(length // 2), swap_rows=True),
            CachedReading("after the state was rewound", after(length // 2), rewind=True),
        ]
    batch = _batch(subject, length)
    found = (_compared(step, copy, batch, reading) for copy in subject.copies for reading in readings)
    return next((each for each in found if each is not None), None)


def _in_pieces_of_three(subject: ModelUnderTest, step: Any, length: int) -> Finding | None:
    """Compare several tokens at once after the first; plain generation does not do it, so it is only a warning."""
    if length < 6:
        return None
    copy, batch = subject.reinitialised, _batch(subject, length)
    pieces = [2, *([3] * ((length - 2) // 3))]
    short = replace(batch, ids=batch.ids[:, : sum(pieces)])
    found = None
    with suppress(CallbackError):
        found = _compared(step, copy, short, CachedReading("three at a time", pieces))
    if found is None:
        return None
    use = "It matters where several tokens are read at once after the first: in speculative decoding, or for a prompt in parts."
    return msgspec.structs.replace(found, verdict="warn", explanation=f"{CACHE_MISMATCH.fault} {use}")


def _compared(step: Any, copy: ModelCopy, batch: ModelInput, reading: CachedReading) -> Finding | None:
    whole, logits = copy.logits(batch), _stepped(step, copy, batch, reading)
    skipped = batch.ids.shape[1] - logits.shape[1]  # a step may return the logits of its last token alone
    change = (logits - whole[:, skipped:]).abs().amax(-1)
    tolerance = max(copy.tolerance(), (1e-6 if copy.dtype == torch.float64 else 1e-4) * copy.scale())
    if not (change.isnan().any() or change.max() > tolerance):
        return None
    row, position = (change.nan_to_num(float("inf")) > tolerance).nonzero()[0].tolist()
    same = (logits.argmax(-1) == whole[:, skipped:].argmax(-1)).double().mean().item()
    logits_there = whole[row, position + skipped], logits[row, position]
    position += skipped
    sides = replace(batch, ids=batch.ids[:, : position + 1]).row_as_lists(row)
    output = f"position {position}, the whole at once and {reading.name}"
    return CACHE_MISMATCH.failed(
        f"{reading.name}, from position {position} on; {copy.name}",
        {"change": change.max().item(), "threshold": tolerance, "same likeliest token": same},
        Counterexample.between((sides, sides), logits_there, difference=f"read {reading.name}", output=output),
    )


def _stepped(step: Any, copy: ModelCopy, batch: ModelInput, reading: CachedReading) -> Tensor:
    """Return the logits of cached steps, ``[b t v]``."""
    found, past, start, swapped = [], None, 0, False
    batch, pieces = batch.to(copy.device), [piece for piece in reading.pieces if piece > 0]

    def read(ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        return step(module, ids, past, *(() if batch.source is None else (batch.source, batch.source_mask)))

    with copy.running(EVAL) as module:
        for number, piece in enumerate(pieces):
            try:
                if number == (len(pieces) + 1) // 2 and isinstance(past, State):
                    if reading.rewind:
                        _, further = read(batch.ids[:, -1:], past)
                        past = further.rewind(torch.full((batch.rows,), past.length, device=copy.device))
                    if reading.swap_rows:
                        order = torch.arange(batch.rows, device=copy.device).flip(0)
                        past, batch, swapped = past.select(order), batch.select(order), True
                logits, past = read(batch.ids[:, start : start + piece], past)
            except Exception as error:
                raise CallbackError("step", error) from error
            if not isinstance(logits, Tensor) or logits.ndim not in (2, 3):
                raise CallbackError("step", ValueError("it returns no logits [batch, time, vocabulary]"))
            logits = (logits if logits.ndim == 3 else logits[:, None])[:, -piece:]
            found.append(logits.flip(0) if swapped else logits)
            start += piece
    return comparable(torch.cat(found, 1))
