"""Every possible answer, scored by one forward pass: the reference for searches and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import torch

from seqwright.core.model import Model
from seqwright.core.tokens import Tokens
from seqwright.decoding.request import Hypothesis


def every_answer(
    model: Model,
    source: Tokens | None,
    prefix: Sequence[int],
    *,
    symbols: Sequence[int],
    end: int,
    limit: int,
    divisor: Callable[[int], float] = lambda length: 1.0,
) -> list[Hypothesis]:
    """Return all answers to one row that end within the limit, best first; then those that do not, best first."""
    answers: list[Hypothesis] = []
    for length in range(limit + 1):
        stopped = length < limit
        rows = [[*answer, end] if stopped else [*answer] for answer in product(symbols, repeat=length)]
        prefixes = Tokens.of([[*prefix, *row[:-1]] for row in rows])
        every = torch.zeros(len(rows), dtype=torch.long)
        with torch.no_grad():
            logits = model.advance(prefixes, model.start(source and source.select(every)))[0].logits
        can = torch.full_like(logits, -torch.inf)
        can[..., [*symbols, end]] = logits[..., [*symbols, end]]
        ids = torch.tensor(rows)
        log_p = can[:, len(prefix) - 1 :].log_softmax(-1).gather(2, ids[..., None])[..., 0].sum(1).tolist()
        answers += [
            Hypothesis(tuple(row[:length]), p, p / divisor(len(row)), stopped)
            for row, p in zip(rows, log_p, strict=True)
        ]
    return sorted(answers, key=lambda answer: (not answer.stopped, -answer.score))
