"""Requests for generation, row by row, and the hypotheses that answer them."""

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
    """Prompts, and for each row the limit of its answer and the seed of its random numbers.

    Attributes:
        source: ``[b s]``, or ``None`` where the model has no source.
        prefix: ``[b p]``, the target tokens that are given. Shorter ones are padded on the left, so that the last column is
            real.
        end: the id that ends an answer; ``None`` where only its limit does.
        limits: ``[b]``, the greatest number of tokens to generate, END counted.
        seeds: ``[b]``; random draws of a row depend on its own seed alone, not on other rows.
        forbidden: ids that are never generated. Probabilities are the model's, given that it cannot predict these ids.
        context: the number of tokens that the model reads at once. Where an answer exceeds it, the model starts again with
            the last half of them, the first of which then has position 0 (counted in columns, padding included).
    """

    source: Tokens | None
    prefix: Tokens
    end: int | None
    limits: Int[Tensor, "b"]
    seeds: Int[Tensor, "b"]
    forbidden: tuple[int, ...] = ()
    context: int | None = None

    @classmethod
    def of(
        cls,
        prompts: Prompts,
        limits: Sequence[int] | None = None,
        seeds: Int[Tensor, "b"] | None = None,
        forbidden: Sequence[int] = (),
        context: int | None = None,
    ) -> GenerationRequest:
        """Return a request for a coder's prompts, with their one limit and seeds of 0 where none are given."""
        rows, device = prompts.prefix.ids.shape[0], prompts.prefix.at.device
        limits = [prompts.limit] * rows if limits is None else list(limits)
        seeds = torch.zeros(rows, dtype=torch.long) if seeds is None else seeds
        return cls(
            source=prompts.source,
            prefix=prompts.prefix,
            end=prompts.end,
            limits=torch.tensor(limits, dtype=torch.long, device=device),
            seeds=seeds.to(device),
            forbidden=tuple(forbidden),
            context=context,
        )

    def to(self, device: torch.device | str) -> GenerationRequest:
        """Return the same request on another device."""
        source = self.source and self.source.to(device)
        limits, seeds = self.limits.to(device), self.seeds.to(device)
        return GenerationRequest(source, self.prefix.to(device), self.end, limits, seeds, self.forbidden, self.context)

    def of_symbols(self) -> GenerationRequest:
        """Check that the model predicts symbols, and return the same request.

        Raises:
            SeqwrightError: the model predicts numbers, which have no probabilities.
        """
        if self.prefix.ids.is_floating_point():
            raise SeqwrightError(
                "a model of numbers predicts no probabilities, so nothing can be ranked or drawn",
                fix="use seqwright.greedy with its coder's choose",
            )
        return self


def draw_seeds(rows: int, generator: torch.Generator | None) -> Int[Tensor, "b"]:
    """Draw a seed for each row from the generator (on the CPU); zeros where there is none."""
    if generator is None:
        return torch.zeros(rows, dtype=torch.long)
    return torch.randint(2**62, (rows,), generator=generator)


@dataclass(frozen=True)
class Hypothesis:
    """One generated answer.

    Attributes:
        ids: its ids without END.
        log_probability: ln p of the ids, and of END where it was generated.
        score: the score by which answers are ranked; that of a beam is normalised by length.
        stopped: whether END was generated before the limit.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float
    stopped: bool
