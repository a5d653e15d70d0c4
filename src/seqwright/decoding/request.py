"""What decoding needs to know of a question, row by row, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Prompts


@dataclass(frozen=True)
class GenerationRequest:
    """A question, and for each of its rows how long the answer may be and which chance it draws from.

    Attributes:
        source: ``[b s]``, or ``None`` where the first tokens are only to be continued.
        first: ``[b p]``, the tokens that are given. Unequal prompts are padded on the left, so the last column is real.
        end: the symbol after which an answer is over; ``None`` where only its limit ends it.
        limits: ``[b]``, how many tokens are generated at most, END counted.
        seeds: ``[b]``; what a row draws depends on its own seed alone, whatever rows stand beside it.
        forbidden: symbols that are never said. Probabilities are those of the model given that it cannot say them.
        context: how many tokens the model can look back on. Where an answer goes on beyond, the model starts anew with
            the last half of them, whose first is then at place 0 (counted in columns, so padding uses it up too).
    """

    source: Tokens | None
    first: Tokens
    end: int | None
    limits: Int[Tensor, "b"]
    seeds: Int[Tensor, "b"]
    forbidden: tuple[int, ...] = ()
    context: int | None = None

    @classmethod
    def of(
        cls,
        question: Prompts,
        limits: Sequence[int] | None = None,
        seeds: Int[Tensor, "b"] | None = None,
        forbidden: Sequence[int] = (),
        context: int | None = None,
    ) -> GenerationRequest:
        """A question as it comes from a coder; one limit for all rows and seeds of 0, where none are given."""
        rows, device = question.first.ids.shape[0], question.first.at.device
        limits = [question.limit] * rows if limits is None else list(limits)
        seeds = torch.zeros(rows, dtype=torch.long) if seeds is None else seeds
        return cls(
            source=question.source,
            first=question.first,
            end=question.end,
            limits=torch.tensor(limits, dtype=torch.long, device=device),
            seeds=seeds.to(device),
            forbidden=tuple(forbidden),
            context=context,
        )

    def to(self, device: torch.device | str) -> GenerationRequest:
        """The same request on another device."""
        source = self.source and self.source.to(device)
        limits, seeds = self.limits.to(device), self.seeds.to(device)
        return GenerationRequest(source, self.first.to(device), self.end, limits, seeds, self.forbidden, self.context)

    def of_symbols(self) -> GenerationRequest:
        """The same request.

        Raises:
            SeqwrightError: the model reads and says numbers, which have no probabilities.
        """
        if self.first.ids.is_floating_point():
            raise SeqwrightError(
                "a model that says numbers gives them no probabilities, so there is nothing to rank or draw",
                fix="ask it by seqwright.greedy with its coder's choose",
            )
        return self


def draw_seeds(rows: int, generator: torch.Generator | None) -> Int[Tensor, "b"]:
    """A seed for each row, from the generator (on the CPU); zeros where there is none."""
    if generator is None:
        return torch.zeros(rows, dtype=torch.long)
    return torch.randint(2**62, (rows,), generator=generator)


@dataclass(frozen=True)
class Hypothesis:
    """One answer.

    Attributes:
        ids: its symbols, END left out.
        log_probability: ln p of the symbols, and of END where it was said.
        score: what answers are ranked by; a beam's is normalised by length.
        stopped: whether it said END before its limit.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float
    stopped: bool
