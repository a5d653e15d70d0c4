"""A family of models as a user writes it: a GRU encoder, and a GRU decoder with additive attention."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from seqwright.core.model import ModelSpec, Output, Side
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Spec, vary
from seqwright.core.tokens import Tokens


@dataclass(frozen=True)
class GRUState:
    """The encoded source ``[b s d]``, its mask ``[b s]``, and the hidden vectors after each token ``[b 1+t d]``."""

    memory: Tensor
    real: Tensor
    hidden: Tensor

    @property
    def length(self) -> int:
        return self.hidden.shape[1] - 1

    def select(self, rows: Tensor) -> GRUState:
        return GRUState(self.memory[rows], self.real[rows], self.hidden[rows])

    def rewind(self, lengths: Tensor) -> GRUState:
        at = torch.arange(int(lengths.max()) + 1).minimum(lengths[:, None])  # a shorter row stays where it ends
        return replace(self, hidden=self.hidden.gather(1, at[..., None].expand(-1, -1, self.hidden.shape[-1])))


class GRUSpec(Spec, ModelSpec):
    """Additive attention (Bahdanau et al. 2015) in a GRU decoder."""

    width: Count = 16
    vocabulary: Count = 12
    outputs: Count = 11

    reads_source = True

    def build(self) -> nn.Module:
        return GRU(self)

    def max_length(self, side: Side) -> int | None:
        return None

    def vocabulary_size(self, side: Side) -> int | None:
        return self.vocabulary

    @property
    def output_size(self) -> int | None:
        return self.outputs

    def with_vocabulary(self, source: int, target: int, outputs: int) -> GRUSpec:
        return vary(self, {"vocabulary": max(source, target), "outputs": outputs})

    def flops_per_token(self, length: int) -> int:
        return 24 * self.width**2 + 4 * length * self.width


class GRU(nn.Module):
    """Two cells that pass padding by."""

    incremental = True

    def __init__(self, spec: GRUSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.vocabulary, spec.width)
        self.encoder = nn.GRUCell(spec.width, spec.width)
        self.decoder = nn.GRUCell(2 * spec.width, spec.width)
        self.query, self.key = nn.Linear(spec.width, spec.width), nn.Linear(spec.width, spec.width)
        self.score = nn.Linear(spec.width, 1, bias=False)
        self.head = nn.Linear(2 * spec.width, spec.outputs)

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> GRUState:
        assert source is not None
        x, hidden, found = (
            self.embedding(source.ids),
            self.embedding.weight.new_zeros(len(source.ids), self.spec.width),
            [],
        )
        for position in range(x.shape[1]):
            hidden = torch.where(source.real[:, position, None], self.encoder(x[:, position], hidden), hidden)
            found.append(hidden)
        return GRUState(torch.stack(found, 1), source.real, hidden[:, None])

    def advance(self, tokens: Tokens, state: GRUState, probe: Probe = SILENT) -> tuple[Output, GRUState]:
        x, found, logits = self.read(self.embedding(tokens.ids)), [state.hidden], []
        hidden, keys = state.hidden[:, -1], self.key(state.memory)
        for position in range(x.shape[1]):
            scores = self.score((self.query(hidden)[:, None] + keys).tanh())[..., 0]  # [b s]
            weights = scores.masked_fill(~state.real, -torch.inf).softmax(-1)
            context = (weights[:, None] @ state.memory)[:, 0]
            after = self.decoder(torch.cat([x[:, position], context], -1), hidden)
            hidden = torch.where(tokens.real[:, position, None], after, hidden)
            found.append(hidden[:, None])
            logits.append(self.head(torch.cat([hidden, context], -1)))
        return Output(torch.stack(logits, 1)), replace(state, hidden=torch.cat(found, 1))

    def read(self, x: Tensor) -> Tensor:
        """Return the embedded tokens ``[b t d]``; faulty models change them."""
        return x

    def probe_names(self) -> tuple[str, ...]:
        return ()
