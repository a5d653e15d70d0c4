"""The generation loop: one token a step, by whatever choice, until every row is over."""

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

CROWDED = 0.75
"""Rows that are over leave the batch when at most this share of it still generates: a copy of the state, well spent."""

PATIENCE = 8
"""On an accelerator, every so many steps the host asks how many rows are over: asking waits for all that was begun."""


@runtime_checkable
class Choice(Protocol):
    """How a token is taken from logits: this alone tells greedy decoding from sampling."""

    def __call__(self, logits: Float[Tensor, "r v"], rows: Int[Tensor, "r"], step: int) -> Shaped[Tensor, "r"]:
        """The next token of each row; ``rows`` are their numbers in the request, ``step`` counts from 0."""
        ...


@dataclass(frozen=True)
class Generated:
    """Answers side by side.

    Attributes:
        ids: ``[b t]``, what was generated after the first, given, tokens; ``end`` fills a row that is over.
        lengths: ``[b]``, how many of them were generated, END counted.
        log_probability: ``[b]``, ln p of these; 0 where the model says numbers.
        stopped: ``[b]``, whether the row said ``end`` before its limit.
    """

    ids: Shaped[Tensor, "b t"]
    lengths: Int[Tensor, "b"]
    log_probability: Float[Tensor, "b"]
    stopped: Bool[Tensor, "b"]

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Each row's one answer."""
        columns = (self.ids, self.lengths, self.log_probability, self.stopped)
        return [
            [Hypothesis(tuple(ids[: length - stopped]), log_probability, log_probability, stopped)]
            for ids, length, log_probability, stopped in zip(*(c.tolist() for c in columns), strict=True)
        ]


@torch.inference_mode()
def generate(model: Model, request: GenerationRequest, choose: Choice, probe: Probe = SILENT) -> Generated:
    """Answer a batch of sources, token by token.

    Rows that are over leave the batch, unless somebody looks: a probe sees every row at every step.

    Args:
        model: in eval mode, unless dropout is wanted.
        request: what is asked.
        choose: how a token is taken.
        probe: is offered the tensors of every step.
    """
    prefixes = IncrementalDecoder(model, request, probe)
    device, limits, end = request.limits.device, request.limits, request.end
    size, longest = len(limits), int(limits.max()) if len(limits) else 0
    ids = request.first.ids.new_full((size, longest), 0 if end is None else end)
    lengths, total = torch.zeros_like(limits), torch.zeros(size, dtype=torch.double, device=device)
    rows, over = torch.arange(size, device=device), limits <= 0
    for step in range(longest):
        logits = prefixes.logits()
        following = choose(logits, rows, step).to(ids.dtype)
        if end is not None:
            following = following.masked_fill(over, end)
        ids[rows, step] = following
        lengths[rows] += ~over
        if not ids.is_floating_point():
            said = logits.log_softmax(-1).gather(1, following[:, None])[:, 0]
            total[rows] += said.double().masked_fill(over, 0)
        over = over | (limits <= step + 1)
        over = over if end is None else over | (following == end)
        if device.type != "cpu" and (step + 1) % PATIENCE:
            prefixes.write(following)
            continue
        left = int((~over).sum())
        if left == 0:
            break
        prefixes.write(following)
        if left <= CROWDED * len(rows) and probe is SILENT:
            kept = (~over).nonzero()[:, 0]
            prefixes.select(kept)
            rows, limits, over = rows[kept], limits[kept], over[kept]
    ids = ids[:, : int(lengths.max()) if size else 0]
    last = ids.gather(1, (lengths - 1).clamp_min(0)[:, None])[:, 0] if ids.numel() else None
    stopped = (
        torch.zeros_like(lengths, dtype=torch.bool) if end is None or last is None else (last == end) & (lengths > 0)
    )
    return Generated(ids, lengths, total, stopped)
