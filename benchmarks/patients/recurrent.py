"""Recurrent models: a language model, and a translator that listens to its source (Bahdanau et al. 2015)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqwright.doctor.contract import Contract

from .case import Case, Subject, case
from .gpt import generate
from .gpt_losses import ends_ignored, not_shifted, padding_counted, trained
from .rows import BOS, EOS, PAD, counting, next_word_loss, pairs, sentences

VOCABULARY = 26


class Recurrent(nn.Module):
    """Embedding, LSTM and head; padding on the right needs no care, for nothing looks ahead."""

    cell: type[nn.RNNBase] = nn.LSTM

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.rnn = self.cell(width, width, 2, **{"batch_first": True, **options})
        self.head = nn.Linear(width * (1 + self.rnn.bidirectional), VOCABULARY)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.read(ids, None)[0]

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        """The logits after each token, and the state after them all."""
        x, past = self.rnn(self.token(ids), past)
        return self.head(x), past


class Bidirectional(Recurrent):
    """An encoder that was made to continue."""

    def __init__(self, width: int) -> None:
        super().__init__(width, bidirectional=True)


class RowsForColumns(Recurrent):
    """``batch_first=True`` is missing, and the LSTM walks from row to row."""

    def __init__(self, width: int) -> None:
        super().__init__(width, batch_first=False)


class KeepsItsState(Recurrent):
    """A call goes on where the last one of as many rows ended (as Hugging Face 25306)."""

    kept: Any = None

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        fits = self.kept is not None and self.kept[0].shape[1] == len(ids)
        logits, kept = self.read(ids, self.kept if fits else None)
        self.kept = tuple(part.detach() for part in kept)
        return logits


class ForgetsEveryEight(Recurrent):
    """Long rows are read in pieces of eight, and the state is not carried over."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.cat([self.read(piece, None)[0] for piece in ids.split(8, 1)], 1)


class BatchStatistics(Recurrent):
    """A normalisation over the batch that keeps no statistics of its own, and so needs the batch to answer."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.norm = nn.BatchNorm1d(width, track_running_stats=False)

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        x, past = self.rnn(self.norm(self.token(ids).mT).mT, past)
        return self.head(x), past


class DropsWeightsOut(Recurrent):
    """Weight dropout that does not stop."""

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        x, past = self.rnn(self.token(ids), past)
        return F.linear(x, F.dropout(self.head.weight, 0.1), self.head.bias), past


class Unconnected(Recurrent):
    """A second recurrent layer was made, and is never called."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.upper = nn.LSTM(width, width, batch_first=True)


class OneWide(Recurrent):
    """A LayerNorm over a single feature: its result is the same whatever comes in."""

    def __init__(self, width: int) -> None:
        super().__init__(1)
        self.norm = nn.LayerNorm(1)
        self.head = nn.Linear(1, VOCABULARY)

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        x, past = self.rnn(self.token(ids), past)
        return self.head(self.norm(x)), past


def step(model: Recurrent, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """The state is all that a recurrent net remembers."""
    return model.read(ids, past)


def step_forgetful(model: Recurrent, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """The state is not handed on."""
    return model.read(ids, None)


def step_half_forgetful(model: Recurrent, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """The hidden vector is handed on, the cell is not."""
    return model.read(ids, past and (past[0], torch.zeros_like(past[1])))


def loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Each token from those before it."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != PAD), ids)


def recurrent(
    kind: type[Recurrent] = Recurrent, promised: dict[str, Any] | None = None, step: Any = step, **extras: Any
) -> Any:
    """Subjects of this class; ``step=None`` for those that have none."""

    def build(seed: int) -> Subject:
        contract = Contract(
            **{"kind": "decoder", "pad": PAD, "bos": BOS, "eos": EOS, **(promised or {})}, vocabulary=VOCABULARY
        )
        stepping = {"step": step} if step else {}
        usual = {"loss": loss, "examples": sentences(VOCABULARY, seed), **stepping}
        return Subject(kind((16, 32)[seed % 2]), contract, {**usual, **extras})

    return build


def counter(objective: Any) -> Any:
    """Subjects that learnt to count with this loss; their user's own is right."""

    def build(seed: int) -> Subject:
        examples = counting(VOCABULARY, seed)
        subject = recurrent(generate=generate, examples=examples)(seed)
        return Subject(trained(subject.model, examples, objective), subject.contract, subject.extras)

    return build


class Listener(nn.Module):
    """Bahdanau's translator: at each token of the target it looks where in the source to listen."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.encoder = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.begin = nn.Linear(2 * width, width)
        self.ask, self.offer, self.score = nn.Linear(width, width), nn.Linear(2 * width, width), nn.Linear(width, 1)
        self.decoder = nn.LSTMCell(3 * width, width)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor) -> Tensor:
        memory = self.encode(source, source_real)
        state = self.first(memory, source_real)
        said = []
        for token in self.token(target).unbind(1):
            context = self.listen(state[0], memory, source_real)
            state = self.decoder(torch.cat([token, context], -1), state)
            said.append(self.head(state[0]))
        return torch.stack(said, 1)

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        """Vectors of the source, ``[b s 2d]``, read to the end of each row and no further."""
        lengths = source_real.sum(1).clamp_min(1).cpu()
        packed = pack_padded_sequence(self.token(source), lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.encoder(packed)[0], batch_first=True, total_length=source.shape[1])[0]

    def first(self, memory: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder begins with the mean of what it will hear."""
        heard = source_real[..., None] * memory
        begin = self.begin(heard.sum(1) / source_real.sum(1, keepdim=True).clamp_min(1)).tanh()
        return begin, torch.zeros_like(begin)

    def listen(self, state: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        """What is heard: ``[b 2d]``."""
        scores = self.score((self.ask(state)[:, None] + self.offer(memory)).tanh())[..., 0]  # [b s]
        return (self.weights(scores, source_real)[:, None] @ memory)[:, 0]

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, float("-inf")).softmax(-1)


class PaddingHeard(Listener):
    """Attention is not told what is padding."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.softmax(-1)


class PaddingHeardFaintly(Listener):
    """A fill of −8 is nearly out of hearing."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, -8.0).softmax(-1)


class OverTheBatch(Listener):
    """Softmax over the first dimension: rows compete for each place."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, -1e9).softmax(0)


class MaskedTooLate(Listener):
    """Padding is removed after the softmax, and with it a part of the sum."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.softmax(-1) * source_real


class PaddingRead(Listener):
    """The encoder is not told where rows end: read backwards, padding comes first."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.encoder(self.token(source))[0]


class PaddingInverted(Listener):
    """The mask is True where padding is."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(source_real, -1e9).softmax(-1)


class Deaf(Listener):
    """What is heard is computed and then forgotten."""

    def first(self, memory: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros(len(memory), self.begin.out_features, dtype=memory.dtype)
        return nothing, nothing

    def listen(self, state: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        return torch.zeros_like(super().listen(state, memory, source_real))


class ToldTheAnswer(Listener):
    """The decoder is given the token that it is to say, not the one before."""

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor) -> Tensor:
        return super().forward(source, source_real, F.pad(target[:, 1:], (0, 1), value=EOS))


def call(model: Listener, source: Tensor, source_mask: Any, target: Tensor, target_mask: Any) -> Tensor:
    """The target's padding stands on its right, where it cannot matter."""
    source_real = torch.ones_like(source, dtype=torch.bool) if source_mask is None else source_mask
    return model(source, source_real, target)


def listener_loss(model: Listener, examples: dict[str, Tensor]) -> Tensor:
    """Each token of the target from those before it and the source."""
    source, target = examples["source"], examples["target"]
    logits = call(model, source, source != PAD, target[:, :-1], None)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def listener(kind: type[Listener] = Listener) -> Any:
    """Subjects of this class."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="encoder-decoder", vocabulary=VOCABULARY, pad=PAD, bos=BOS, eos=EOS)
        extras = {"call": call, "loss": listener_loss, "examples": pairs(VOCABULARY, seed)}
        return Subject(kind((16, 32)[seed % 2]), contract, extras)

    return build


CASES: tuple[Case, ...] = (
    case("lstm/bidirectional", "future-leak", recurrent(Bidirectional, step=None)),
    case("lstm/rows-for-columns", "batch-mixing", recurrent(RowsForColumns, step=None)),
    case("lstm/keeps-its-state", "stateful", recurrent(KeepsItsState)),
    case("lstm/forgets-every-eight", "past-blocked", recurrent(ForgetsEveryEight, step=None)),
    case("lstm/batch-statistics", "batch-mixing", recurrent(BatchStatistics, step=None), "future-leak"),
    case("lstm/drops-weights-out", "eval-nondeterministic", recurrent(DropsWeightsOut, step=None)),
    case("lstm/never-called", "untrained-part", recurrent(Unconnected)),
    case("lstm/one-wide", "mean-collapse", recurrent(OneWide)),
    case("lstm/cached-state-lost", "cache-mismatch", recurrent(step=step_forgetful)),
    case("lstm/cached-cell-lost", "cache-mismatch", recurrent(step=step_half_forgetful)),
    case("lstm/left-padding-read", "padding-leak", recurrent(promised={"padding_side": "left"}, step=None)),
    case("lstm/not-shifted", "target-shift", recurrent(loss=not_shifted)),
    case("lstm/padding-counted", "padding-in-loss", recurrent(loss=padding_counted)),
    case("lstm/ends-ignored", "labels-without-eos", recurrent(loss=ends_ignored)),
    case("lstm/never-told-to-end", "never-stops", counter(ends_ignored)),
    case("listener/padding-heard", "cross-padding-leak", listener(PaddingHeard), "padding-leak"),
    case("listener/padding-heard-faintly", "weak-mask-fill", listener(PaddingHeardFaintly), "cross-padding-leak"),
    case("listener/over-the-batch", "attention-normalisation", listener(OverTheBatch), "batch-mixing"),
    case("listener/masked-after-softmax", "attention-normalisation", listener(MaskedTooLate), "cross-padding-leak"),
    case("listener/padding-read", "padding-leak", listener(PaddingRead), "cross-padding-leak"),
    case("listener/padding-inverted", "padding-polarity", listener(PaddingInverted), "cross-padding-leak"),
    case("listener/deaf", "source-ignored", listener(Deaf)),
    case("listener/told-the-answer", "future-leak", listener(ToldTheAnswer)),
)
