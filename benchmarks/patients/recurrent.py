"""Recurrent models: a language model, and a translator with additive attention (Bahdanau et al. 2015)."""

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
    """Embedding, LSTM and head; padding on the right has no effect on earlier tokens."""

    cell: type[nn.RNNBase] = nn.LSTM

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.rnn = self.cell(width, width, 2, **{"batch_first": True, **options})
        self.head = nn.Linear(width * (1 + self.rnn.bidirectional), VOCABULARY)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.read(ids, None)[0]

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        """Return the logits after each token, and the state after all of them."""
        x, past = self.rnn(self.token(ids), past)
        return self.head(x), past


class Bidirectional(Recurrent):
    """A bidirectional LSTM used to continue sequences."""

    def __init__(self, width: int) -> None:
        super().__init__(width, bidirectional=True)


class RowsForColumns(Recurrent):
    """An LSTM without ``batch_first=True``, which runs over rows."""

    def __init__(self, width: int) -> None:
        super().__init__(width, batch_first=False)


class KeepsItsState(Recurrent):
    """A model each of whose calls continues the last one of as many rows (as Hugging Face 25306)."""

    kept: Any = None

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        fits = self.kept is not None and self.kept[0].shape[1] == len(ids)
        logits, kept = self.read(ids, self.kept if fits else None)
        self.kept = tuple(part.detach() for part in kept)
        return logits


class ForgetsEveryEight(Recurrent):
    """A model that reads rows in pieces of eight tokens without carrying the state over."""

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.cat([self.read(piece, None)[0] for piece in ids.split(8, 1)], 1)


class BatchStatistics(Recurrent):
    """A BatchNorm without running statistics, which uses the batch's in eval mode."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.norm = nn.BatchNorm1d(width, track_running_stats=False)

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        x, past = self.rnn(self.norm(self.token(ids).mT).mT, past)
        return self.head(x), past


class DropsWeightsOut(Recurrent):
    """Weight dropout that is active in eval mode, too."""

    def read(self, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
        x, past = self.rnn(self.token(ids), past)
        return F.linear(x, F.dropout(self.head.weight, 0.1), self.head.bias), past


class Unconnected(Recurrent):
    """A second recurrent layer that is never called."""

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
    """Take one step with the state of the LSTM."""
    return model.read(ids, past)


def step_forgetful(model: Recurrent, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take a step without the state of the last."""
    return model.read(ids, None)


def step_half_forgetful(model: Recurrent, ids: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Take a step with the last hidden vector and without the cell."""
    return model.read(ids, past and (past[0], torch.zeros_like(past[1])))


def loss(model: nn.Module, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each token given those before it."""
    ids = examples["ids"]
    return next_word_loss(model(ids, ids != PAD), ids)


def recurrent(
    kind: type[Recurrent] = Recurrent, promised: dict[str, Any] | None = None, step: Any = step, **extras: Any
) -> Any:
    """Return a builder of subjects of a class; ``step=None`` for those without a step."""

    def build(seed: int) -> Subject:
        contract = Contract(
            **{"kind": "decoder", "pad": PAD, "bos": BOS, "eos": EOS, **(promised or {})}, vocabulary=VOCABULARY
        )
        stepping = {"step": step} if step else {}
        usual = {"loss": loss, "examples": sentences(VOCABULARY, seed), **stepping}
        return Subject(kind((16, 32)[seed % 2]), contract, {**usual, **extras})

    return build


def counter(objective: Any) -> Any:
    """Return a builder of subjects that were trained to count with a loss; the loss that is examined is the right one."""

    def build(seed: int) -> Subject:
        examples = counting(VOCABULARY, seed)
        subject = recurrent(generate=generate, examples=examples)(seed)
        return Subject(trained(subject.model, examples, objective), subject.contract, subject.extras)

    return build


class Listener(nn.Module):
    """A translator with additive attention over the source at each target token."""

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
        """Return the source's vectors, ``[b s 2d]``, each row read to its end."""
        lengths = source_real.sum(1).clamp_min(1).cpu()
        packed = pack_padded_sequence(self.token(source), lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.encoder(packed)[0], batch_first=True, total_length=source.shape[1])[0]

    def first(self, memory: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's first state, from the mean of the source's vectors."""
        heard = source_real[..., None] * memory
        begin = self.begin(heard.sum(1) / source_real.sum(1, keepdim=True).clamp_min(1)).tanh()
        return begin, torch.zeros_like(begin)

    def listen(self, state: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        """Return the attended source vectors: ``[b 2d]``."""
        scores = self.score((self.ask(state)[:, None] + self.offer(memory)).tanh())[..., 0]  # [b s]
        return (self.weights(scores, source_real)[:, None] @ memory)[:, 0]

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, float("-inf")).softmax(-1)


class PaddingHeard(Listener):
    """Attention without a padding mask."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.softmax(-1)


class PaddingHeardFaintly(Listener):
    """A padding mask with a fill of −8."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, -8.0).softmax(-1)


class OverTheBatch(Listener):
    """A softmax over the first dimension, the rows."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(~source_real, -1e9).softmax(0)


class MaskedTooLate(Listener):
    """Padding removed after the softmax, so that weights sum to less than 1."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.softmax(-1) * source_real


class PaddingRead(Listener):
    """An encoder of unpacked rows: backwards, padding is read first."""

    def encode(self, source: Tensor, source_real: Tensor) -> Tensor:
        return self.encoder(self.token(source))[0]


class PaddingInverted(Listener):
    """An inverted padding mask, True at padding."""

    def weights(self, scores: Tensor, source_real: Tensor) -> Tensor:
        return scores.masked_fill(source_real, -1e9).softmax(-1)


class Deaf(Listener):
    """Attention whose result is not used."""

    def first(self, memory: Tensor, source_real: Tensor) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros(len(memory), self.begin.out_features, dtype=memory.dtype)
        return nothing, nothing

    def listen(self, state: Tensor, memory: Tensor, source_real: Tensor) -> Tensor:
        return torch.zeros_like(super().listen(state, memory, source_real))


class ToldTheAnswer(Listener):
    """A decoder whose input at each position is the label itself."""

    def forward(self, source: Tensor, source_real: Tensor, target: Tensor) -> Tensor:
        return super().forward(source, source_real, F.pad(target[:, 1:], (0, 1), value=EOS))


def call(model: Listener, source: Tensor, source_mask: Any, target: Tensor, target_mask: Any) -> Tensor:
    """Call the model without the target's mask: padding on the right has no effect."""
    source_real = torch.ones_like(source, dtype=torch.bool) if source_mask is None else source_mask
    return model(source, source_real, target)


def listener_loss(model: Listener, examples: dict[str, Tensor]) -> Tensor:
    """Compute the loss of each target token given those before it and the source."""
    source, target = examples["source"], examples["target"]
    logits = call(model, source, source != PAD, target[:, :-1], None)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def listener(kind: type[Listener] = Listener) -> Any:
    """Return a builder of subjects of a class."""

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
