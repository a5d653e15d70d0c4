"""A plain recurrent language model: two layers of LSTM, fifteen words."""

from __future__ import annotations

from typing import Any

from patients.case import Case, Subject, case
from torch import Tensor, nn

from seqwright.doctor.contract import Contract

from .common import Build, call_unmasked, step

VOCABULARY = 15


class Recurrent(nn.Module):
    """Embedding, LSTM and head."""

    def __init__(self, bug: str, width: int = 20) -> None:
        super().__init__()
        self.bug = bug
        both = bug == "bidirectional"
        self.token = nn.Embedding(VOCABULARY, width)
        self.rnn = nn.LSTM(width, width, 2, batch_first=bug != "time-first", dropout=0.2, bidirectional=both)
        self.head = nn.Linear(width * (2 if both else 1), VOCABULARY)

    def forward(self, ids: Tensor, past: tuple[Tensor, Tensor] | None = None, cached: bool = False) -> Any:
        x, (hidden, cell) = self.rnn(self.token(ids), past)
        if self.bug == "last-output-everywhere":
            x = x + x[:, -1:]
        logits = self.head(x)
        state = (cell, hidden) if self.bug == "step-swaps-states" else (hidden, cell)
        return (logits, state) if cached else logits


def rnn(bug: str = "", *, steps: bool = False) -> Build:
    """Return a builder of subjects with a bug, with a cached step or without."""

    def build(seed: int) -> Subject:
        contract = Contract(kind="decoder", vocabulary=VOCABULARY, max_length=32)
        return Subject(Recurrent(bug), contract, {"call": call_unmasked, **({"step": step} if steps else {})})

    return build


CASES: tuple[Case, ...] = (
    case("rnn/bidirectional", "future-leak", rnn("bidirectional")),
    case("rnn/time-first", "batch-mixing", rnn("time-first"), "past-blocked"),
    case("rnn/last-output-everywhere", "future-leak", rnn("last-output-everywhere")),
    case("rnn/step-swaps-states", "cache-mismatch", rnn("step-swaps-states", steps=True)),
    case("rnn/healthy", None, rnn(steps=True)),
)
