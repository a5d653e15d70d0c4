"""A translator with additive attention: a bidirectional GRU reads, a GRU cell writes; 23 words."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from patients.case import Case, Subject, case
from patients.rows import BOS, EOS, PAD
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqwright.doctor.contract import Contract

from .common import Build, call_translator, pairs, translation_loss

VOCABULARY = 23
FILLS = {"fill-20": -20.0, "softmax-batch": -1e9}


class Translator(nn.Module):
    """A GRU encoder, and a GRU decoder with additive attention at each target token."""

    def __init__(self, bug: str, bridged: bool, width: int = 24) -> None:
        super().__init__()
        self.bug, self.bridged = bug, bridged
        self.source, self.target = nn.Embedding(VOCABULARY, width), nn.Embedding(VOCABULARY, width)
        self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * width, width)
        self.cell = nn.GRUCell(3 * width, width)
        self.ask, self.offer = nn.Linear(width, width), nn.Linear(2 * width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        self.head = nn.Linear(3 * width, VOCABULARY)
        self.last: Tensor | None = None

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor, target_real: Tensor) -> Tensor:
        memory, state = self.encode(source, source_real)
        if not self.bridged:
            state = torch.zeros_like(state)
        if self.bug == "keeps-state" and self.last is not None and self.last.shape == state.shape:
            state = state + self.last.to(state.dtype)
        offered, said = self.offer(memory), []
        for place in range(target.shape[1]):
            token = self.token(target, place, said)
            context = self.listen(state, offered, memory, source_real)
            state = self.cell(torch.cat([token, context], -1), state)
            said.append(self.head(torch.cat([state, context], -1)))
        if self.bug == "keeps-state":
            self.last = state.detach()
        if self.bug == "outputs-time-first":
            return torch.stack(said, 0).reshape(*target.shape, VOCABULARY)
        return torch.stack(said, 1)

    def encode(self, source: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        """Return the source's vectors, ``[b s 2d]``, and the decoder's first state."""
        if self.bug == "flip-with-padding":
            source = source.flip(1)
        memory, last = self.read(source, source_real)
        if self.bug == "flip-with-padding":
            memory = memory.flip(1)
        if self.bug == "view-outputs":
            memory = memory.reshape(source.shape[1], source.shape[0], -1).transpose(0, 1)
        last = last.reshape(len(source), -1) if self.bug == "view-hidden" else torch.cat([last[0], last[1]], -1)
        if self.bug == "encoder-detached":
            memory, last = memory.detach(), last.detach()
        return memory, torch.tanh(self.bridge(last))

    def read(self, source: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        """Return the encoder's output at each token and its last states; where rows are packed, at each row's end."""
        x = self.source(source)
        if self.bug in ("unpacked", "flip-with-padding"):
            return self.encoder(x)
        packed = pack_padded_sequence(x, source_real.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(packed)
        return pad_packed_sequence(memory, batch_first=True, total_length=source.shape[1])[0], last

    def token(self, target: Tensor, place: int, said: list[Tensor]) -> Tensor:
        """Return the vector of the last token."""
        if self.bug == "reads-next" and place + 1 < target.shape[1]:
            place += 1
        if self.bug == "scheduled-sampling-in-eval" and said and random.random() < 0.5:
            return self.target(said[-1].argmax(-1))
        return self.target(target[:, place])

    def listen(self, state: Tensor, offered: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        """Return the attended source vectors: ``[b 2d]``."""
        scores = self.score(torch.tanh(self.ask(state)[:, None] + offered))[..., 0]  # [b s]
        context = (self.weights(scores, source_real)[:, None] @ memory)[:, 0]
        if self.bug == "context-zeroed":
            return context * 0
        return F.dropout(context, 0.3) if self.bug == "f-dropout" else context

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        """Return the weights over the source's tokens."""
        if self.bug != "energies-unmasked":
            scores = scores.masked_fill(~source_real, FILLS.get(self.bug, float("-inf")))
        if self.bug == "softmax-batch":
            return scores.softmax(0)
        if self.bug == "softmax-unit":
            return scores[..., None].softmax(-1)[..., 0] * source_real
        return scores.softmax(-1)


def bahdanau(
    bug: str = "", *, bridged: bool = True, loss: Callable[[nn.Module, dict[str, Tensor]], Tensor] | None = None
) -> Build:
    """Return a builder of subjects with a bug; with examples where there is a loss."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, bos=BOS, eos=EOS, max_length=20)
        extras: dict[str, Any] = {"call": call_translator}
        if loss is not None:
            extras |= {"loss": loss, "examples": pairs(VOCABULARY, seed)}
        return Subject(Translator(bug, bridged), contract, extras)

    return build


CASES: tuple[Case, ...] = (
    case("bahdanau/unpacked", "padding-leak", bahdanau("unpacked")),
    case("bahdanau/flip-with-padding", "padding-leak", bahdanau("flip-with-padding")),
    case("bahdanau/energies-unmasked", "cross-padding-leak", bahdanau("energies-unmasked"), "padding-leak"),
    case("bahdanau/softmax-batch", "batch-mixing", bahdanau("softmax-batch"), "attention-normalisation"),
    # the case was partly wrong: what is filled with −inf becomes NaN, so that nan is as right, and was added later
    case("bahdanau/softmax-unit", "attention-normalisation", bahdanau("softmax-unit"), "nan"),
    case("bahdanau/view-hidden", "batch-mixing", bahdanau("view-hidden")),
    case("bahdanau/view-outputs", "batch-mixing", bahdanau("view-outputs")),
    case("bahdanau/outputs-time-first", "batch-mixing", bahdanau("outputs-time-first"), "future-leak"),
    case("bahdanau/keeps-state", "stateful", bahdanau("keeps-state")),
    case("bahdanau/reads-next", "future-leak", bahdanau("reads-next")),
    case("bahdanau/scheduled-sampling-in-eval", "eval-nondeterministic", bahdanau("scheduled-sampling-in-eval")),
    case("bahdanau/f-dropout", "eval-nondeterministic", bahdanau("f-dropout")),
    case("bahdanau/encoder-detached", "untrained-part", bahdanau("encoder-detached")),
    case("bahdanau/attends-zeroed-and-no-bridge", "source-ignored", bahdanau("context-zeroed", bridged=False)),
    case("bahdanau/fill-20", "weak-mask-fill", bahdanau("fill-20"), "cross-padding-leak", "padding-leak"),
    case("bahdanau/healthy", None, bahdanau(loss=translation_loss)),
    case("bahdanau/no-bridge", None, bahdanau(bridged=False, loss=translation_loss)),
)
