"""Incremental decoding state, shared by greedy decoding, sampling and beam search."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.probe import SILENT, Probe
from seqwright.core.tokens import Tokens
from seqwright.decoding.request import GenerationRequest


class IncrementalDecoder:
    """The target tokens generated so far, and the model's state after those that it has read.

    A causal decoder reads each new token once. Without a causal mask the hidden vectors of earlier tokens change with
    every new token, so there the whole prefix is read again at each step; the generated tokens stay.
    """

    def __init__(self, model: Model, request: GenerationRequest, probe: Probe = SILENT) -> None:
        self.model, self.probe, self.context = model, probe, request.context
        prefix, longest = request.prefix, int(request.limits.max()) if len(request.limits) else 0
        # One wide tensor, whose slices the kernels do not take for activations with rows innermost (nn/kernels/dispatch.py).
        self.ids = torch.cat([prefix.ids, prefix.ids.new_zeros(len(prefix.ids), longest + 1)], 1)
        ahead = torch.arange(1, longest + 2, device=prefix.at.device)
        self.at = torch.cat([prefix.at, prefix.at[:, -1:] + ahead], 1)
        self.forbidden = torch.tensor(request.forbidden, dtype=torch.long, device=prefix.at.device)
        self.given = self.written = prefix.ids.shape[1]
        self.base = self.read = 0
        self.state = model.start(request.source, probe)
        self.beginning: Any = self.state if self.context is not None else None  # the state to start again from

    def logits(self) -> Float[Tensor, "r v"]:
        """Return each row's logits of the next token."""
        if self.context is not None and self.written - self.base > self.context:
            self._start_again(self.written - max(1, self.context // 2))
        unread = slice(self.read, self.written)
        output, state = self.model.advance(Tokens(self.ids[:, unread], self.at[:, unread]), self.state, self.probe)
        if self.model.incremental:
            self.state, self.read = state, self.written
        logits = output.logits[:, -1]
        return logits.index_fill(1, self.forbidden, -torch.inf) if len(self.forbidden) else logits

    def _start_again(self, base: int) -> None:
        self.state, self.base, self.read = self.beginning, base, base
        shift = self.at[:, base : base + 1].clamp_min(0)
        self.at = torch.where(self.at >= 0, self.at - shift, self.at)

    def write(self, next_tokens: Shaped[Tensor, "r"]) -> None:
        """Append the next token of each row."""
        self.ids[:, self.written] = next_tokens
        self.written += 1

    def select(self, rows: Int[Tensor, "r"]) -> None:
        """Keep the given rows, in that order."""
        self.ids, self.at = self.ids.index_select(0, rows), self.at.index_select(0, rows)
        self.state = self.state.select(rows)
        if self.beginning is not None:
            self.beginning = self.beginning.select(rows)
