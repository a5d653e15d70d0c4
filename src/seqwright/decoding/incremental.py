"""A model that reads what is being written: the part of decoding that every way of choosing shares."""

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
    """Rows in the making, and the model's state after what it has read of them.

    A causal decoder reads each new token once. One without a causal mask would read its past differently with every new
    token, so there the prefix is read anew at each step; what was written stays.
    """

    def __init__(self, model: Model, request: GenerationRequest, probe: Probe = SILENT) -> None:
        self.model, self.probe, self.context = model, probe, request.context
        first, longest = request.first, int(request.limits.max()) if len(request.limits) else 0
        # One wide rectangle: its columns are never mistaken for activations whose rows are innermost (nn/kernels/dispatch.py).
        self.ids = torch.cat([first.ids, first.ids.new_zeros(len(first.ids), longest + 1)], 1)
        ahead = torch.arange(1, longest + 2, device=first.at.device)
        self.at = torch.cat([first.at, first.at[:, -1:] + ahead], 1)
        self.forbidden = torch.tensor(request.forbidden, dtype=torch.long, device=first.at.device)
        self.given = self.written = first.ids.shape[1]
        self.base = self.read = 0
        self.state = model.start(request.source, probe)
        self.beginning: Any = self.state if self.context is not None else None  # what a new start begins from

    def logits(self) -> Float[Tensor, "r v"]:
        """What the model says to come next, in each row."""
        if self.context is not None and self.written - self.base > self.context:
            self._start_anew(self.written - max(1, self.context // 2))
        unread = slice(self.read, self.written)
        output, state = self.model.advance(Tokens(self.ids[:, unread], self.at[:, unread]), self.state, self.probe)
        if self.model.incremental:
            self.state, self.read = state, self.written
        said = output.logits[:, -1]
        return said.index_fill(1, self.forbidden, -torch.inf) if len(self.forbidden) else said

    def _start_anew(self, base: int) -> None:
        self.state, self.base, self.read = self.beginning, base, base
        shift = self.at[:, base : base + 1].clamp_min(0)
        self.at = torch.where(self.at >= 0, self.at - shift, self.at)

    def write(self, following: Shaped[Tensor, "r"]) -> None:
        """The next token of each row."""
        self.ids[:, self.written] = following
        self.written += 1

    def select(self, rows: Int[Tensor, "r"]) -> None:
        """Go on with the given rows, in that order."""
        self.ids, self.at = self.ids.index_select(0, rows), self.at.index_select(0, rows)
        self.state = self.state.select(rows)
        if self.beginning is not None:
            self.beginning = self.beginning.select(rows)
