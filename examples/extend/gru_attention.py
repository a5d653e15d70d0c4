r"""A family of models: a GRU that reads the source both ways, and one that attends to it as it writes (Bahdanau et al. 2015).

    seqwright --import examples/extend/gru_attention.py train examples/data/icelandic-train.tsv --split-target-on ' ' \
        --model GRUAttention --set training.rate=0.003 --out gru
    echo reykjavík | seqwright --import examples/extend/gru_attention.py predict gru --beam 5
    seqwright --import examples/extend/gru_attention.py attention gru --source reykjavík -o alignment.html

``evaluate``, ``doctor`` and ``train --resume`` take it as they take any run; docs/extending.md explains every method.
"""

import torch
from torch import Tensor, nn

from seqwright.core.model import ModelSpec, Output, SequenceModel, Side
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Rate, Spec, vary
from seqwright.core.tokens import Tokens
from seqwright.nn.dropout import Dropout
from seqwright.nn.recurrence import GRUCell, RecurrentState


class GRUAttention(Spec, ModelSpec):
    """A GRU encoder and decoder with additive attention; each side has an embedding."""

    width: Count = 64
    dropout: Rate = 0.2
    source_symbols: Count = 5
    symbols: Count = 5
    outputs: Count = 4

    reads_source = True

    @property
    def output_size(self) -> int:
        return self.outputs

    def build(self) -> SequenceModel:
        return AttendingGRU(self)

    def vocabulary_size(self, side: Side) -> int:
        return self.source_symbols if side == "source" else self.symbols

    def with_vocabulary(self, source: int, target: int, outputs: int) -> "GRUAttention":
        return vary(self, {"source_symbols": source, "symbols": target, "outputs": outputs})


class AttendingGRU(SequenceModel):
    """See :class:`GRUAttention`."""

    def __init__(self, spec: GRUAttention) -> None:
        super().__init__(spec)
        width = spec.width
        self.embedding, self.source_embedding = (nn.Embedding(n, width) for n in (spec.symbols, spec.source_symbols))
        self.dropout = Dropout(spec.dropout)
        self.onward, self.backward = GRUCell(width, width), GRUCell(width, width)
        self.bridge, self.cell = nn.Linear(width, width), GRUCell(3 * width, width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(2 * width, width, bias=False)
        self.score, self.head = nn.Linear(width, 1, bias=False), nn.Linear(width, spec.outputs)

    def start(self, source: Tokens, probe: Probe = SILENT) -> RecurrentState:
        x, length = self.dropout(self.source_embedding(source.ids)), source.ids.shape[1]
        onward = RecurrentState.zeros(x).read(self.onward, x, source.real)
        backward = RecurrentState.zeros(x).read(self.backward, x.flip(1), source.real.flip(1))
        encoded = self.dropout(torch.cat([onward.after(length), backward.after(length).flip(1)], -1))  # [b s 2d]
        first = self.bridge(backward.last).tanh()
        return RecurrentState(first[:, None], (encoded, self.key(encoded), source.real))

    def advance(self, tokens: Tokens, state: RecurrentState, probe: Probe = SILENT) -> tuple[Output, RecurrentState]:
        encoded, keys, real = state.source

        def step(x: Tensor, h: Tensor) -> Tensor:
            scores = self.score((self.query(h)[:, None] + keys).tanh())[..., 0]  # [b s]
            weights = scores.masked_fill(~real, -torch.inf).softmax(-1)[:, None]
            weights = probe("decoder.blocks.0.cross.weights", weights)  # [b 1 s], for one query
            return self.cell(torch.cat([x, (weights @ encoded)[:, 0]], -1), h)

        state = state.read(step, self.dropout(self.embedding(tokens.ids)), tokens.real)
        logits = self.head(self.dropout(state.after(tokens.ids.shape[1])))
        return Output(probe("logits", logits)), state
