"""Generation computes what training computed: one token at a time, with a cache, the logits are those of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from seqwright.doctor.contract import Window
from seqwright.doctor.finding import Check, Counterexample, Finding
from seqwright.doctor.modes import EVAL
from seqwright.doctor.patient import Body, CallbackError, Patient
from seqwright.doctor.reading import Reading, Words

CACHE_MISMATCH = Check(
    "cache-mismatch",
    "With the cache the model says something else than without it. The most likely token is often the same, so that nobody sees.",
    "look at the position that a cached token is given, at the mask of a query that is not the first (SDPA's is_causal begins at the top left), and at what a window drops",
)


def cache(patient: Patient) -> Iterator[Finding]:
    """``cache-mismatch``: token by token, and after a prompt, against the whole at once."""
    if not patient.contract.decodes:
        return
    if patient.contract.kind == "encoder-decoder":
        yield CACHE_MISMATCH.not_examined("Cached steps of an encoder and decoder are not examined here.")
        return
    if patient.step is None:
        yield CACHE_MISMATCH.not_examined(
            "Give step(model, ids, past) -> (logits, past), and cached steps are held against the whole."
        )
        return
    window = patient.contract.sees
    length = patient.length(
        max(24, min(96, 2 * window.size + 4)) if isinstance(window, Window) else 24 if not patient.thorough else 96
    )
    for body in patient.bodies:
        ids = Words(patient.contract, 22).draw(2, length)
        if patient.contract.bos is not None:
            ids[:, 0] = patient.contract.bos
        whole = body.logits(Reading(ids))
        for told, pieces in (
            ("token by token", [1] * length),
            ("after a prompt", _after(length, 5)),
            ("after a longer prompt", _after(length, length * 2 // 3)),
        ):
            said = _stepped(patient.step, body, ids, pieces)
            skipped = length - said.shape[1]  # a step may tell its last token's logits only
            moved = (said - whole[:, skipped:]).abs().amax(-1)
            tolerance = max(body.tolerance(), (1e-6 if body.dtype == torch.float64 else 1e-4) * body.scale())
            if moved.isnan().any() or moved.max() > tolerance:
                row, place = (int(each) for each in (moved.nan_to_num(float("inf")) > tolerance).nonzero()[0])
                place += skipped
                agree = (said.argmax(-1) == whole[:, skipped:].argmax(-1)).double().mean().item()
                yield CACHE_MISMATCH.failed(
                    f"{told}, from position {place} on; {body.name}",
                    {"moved": moved.max().item(), "threshold": tolerance, "same likeliest token": agree},
                    Counterexample.between(
                        {"ids": ids[row, : place + 1].tolist()},
                        {"ids": ids[row, : place + 1].tolist()},
                        whole[row, place],
                        said[row, place - skipped],
                        differ=f"read {told}",
                        at=f"position {place}, the whole at once and {told}",
                    ),
                )
                return
    yield CACHE_MISMATCH.passed(f"{length} tokens one by one, and after prompts, are answered as the whole at once.")


def _after(length: int, prompt: int) -> list[int]:
    return [min(prompt, length), *([1] * (length - prompt))]


def _stepped(step: Any, body: Body, ids: Tensor, pieces: list[int]) -> Tensor:
    said, past, begun = [], None, 0
    with body.ready(EVAL) as module:
        for piece in pieces:
            if piece <= 0:
                continue
            try:
                logits, past = step(module, ids[:, begun : begun + piece].to(body.device), past)
            except Exception as error:
                raise CallbackError("step", error) from error
            said.append(
                logits[:, -piece:].detach().to("cpu", torch.float64)
                if logits.ndim == 3
                else logits[:, None].detach().to("cpu", torch.float64)
            )
            begun += piece
    return torch.cat(said, 1)
