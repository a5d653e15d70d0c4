"""The generation loop: one token a step, until every row has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.probe import SILENT, Probe
from seqwright.decoding.incremental import IncrementalDecoder
from seqwright.decoding.request import GenerationRequest, Hypothesis

COMPACT_AT = 0.75
"""Rows that have ended are dropped once at most this fraction of the batch still generates; dropping copies the state."""

SYNCHRONISE_EVERY = 8
"""The number of steps between two counts of the ended rows on an accelerator, as a count waits for all earlier work."""


@runtime_checkable
class Choice(Protocol):
    """The choice of the next token from logits, by which greedy decoding and sampling differ."""

    def __call__(self, logits: Float[Tensor, "r v"], rows: Int[Tensor, "r"], step: int) -> Shaped[Tensor, "r"]:
        """Return the next token of each row; ``rows`` are their indices in the request, ``step`` counts from 0."""
        ...


@dataclass(frozen=True)
class Generated:
    """A batch of generated answers.

    Attributes:
        ids: ``[b t]``, the tokens after the prefixes; rows that have ended are filled with ``end``.
        lengths: ``[b]``, the number of generated tokens, END counted.
        log_probability: ``[b]``, ln p of these; 0 where the model predicts numbers.
        stopped: ``[b]``, whether ``end`` was generated before the limit.
    """

    ids: Shaped[Tensor, "b t"]
    lengths: Int[Tensor, "b"]
    log_probability: Float[Tensor, "b"]
    stopped: Bool[Tensor, "b"]

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Return each row's one answer."""
        columns = (self.ids, self.lengths, self.log_probability, self.stopped)
        return [
            [Hypothesis(tuple(ids[: length - stopped]), log_probability, log_probability, stopped)]
            for ids, length, log_probability, stopped in zip(*(c.tolist() for c in columns), strict=True)
        ]


@torch.inference_mode()
def generate(model: Model, request: GenerationRequest, choose: Choice, probe: Probe = SILENT) -> Generated:
    """Generate answers to a batch of prompts, token by token.

    Rows that have ended are dropped, unless there is a probe, which observes every row at every step.

    Args:
        model: in eval mode, unless dropout is wanted.
        request: the prompts.
        choose: the choice of the next token.
        probe: observes the tensors of every step.
    """
    decoder = IncrementalDecoder(model, request, probe)
    device, limits, end = request.limits.device, request.limits, request.end
    size, longest = len(limits), int(limits.max()) if len(limits) else 0
    ids = request.prefix.ids.new_full((size, longest), 0 if end is None else end)
    lengths, total = torch.zeros_like(limits), torch.zeros(size, dtype=torch.double, device=device)
    rows, ended = torch.arange(size, device=device), limits <= 0
    for step in range(longest):
        logits = decoder.logits()
        next_tokens = choose(logits, rows, step).to(ids.dtype)
        if end is not None:
            next_tokens = next_tokens.masked_fill(ended, end)
        ids[rows, step] = next_tokens
        lengths[rows] += ~ended
        if not ids.is_floating_point():
            log_probability = logits.log_softmax(-1).gather(1, next_tokens[:, None])[:, 0]
            total[rows] += log_probability.double().masked_fill(ended, 0)
        ended = ended | (limits <= step + 1)
        ended = ended if end is None else ended | (next_tokens == end)
        if device.type != "cpu" and (step + 1) % SYNCHRONISE_EVERY:
            decoder.write(next_tokens)
            continue
        left = int((~ended).sum())
        if left == 0:
            break
        decoder.write(next_tokens)
        if left <= COMPACT_AT * len(rows) and probe is SILENT:
            kept = (~ended).nonzero()[:, 0]
            decoder.select(kept)
            rows, limits, ended = rows[kept], limits[kept], ended[kept]
    ids = ids[:, : int(lengths.max()) if size else 0]
    last = ids.gather(1, (lengths - 1).clamp_min(0)[:, None])[:, 0] if ids.numel() else None
    stopped = (
        torch.zeros_like(lengths, dtype=torch.bool) if end is None or last is None else (last == end) & (lengths > 0)
    )
    return Generated(ids, lengths, total, stopped)
