"""Sampling: tokens drawn by their probability, optionally without the improbable ones."""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.spec import Count, Spec
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.generate import generate
from seqwright.decoding.request import GenerationRequest, Hypothesis


class Sampling(Spec, Decoding):
    """Sampling from the model's distribution, with temperature and truncation.

    ``p ∝ softmax(logits / temperature)``, of which each given rule keeps some symbols, in this
    order: the ``top_k`` likeliest (Fan et al. 2018, §5.4); the fewest likeliest with at least ``top_p`` of the
    remaining probability (Holtzman et al. 2020, eq. 2–3); those at least ``min_p`` times as likely as the likeliest (Nguyen et al. 2024, eq.
    2). Of equally likely symbols the one of the lower number comes first.

    A row draws from a stream of its own (see :func:`uniform`), so its sample does not depend on other rows, but for
    rounding. An answer's log-probability is the model's own, whatever distribution it was drawn from.

    >>> Sampling(top_p=0.6).probabilities(torch.tensor([[0.5, 0.3, 0.2]]).log()).round(decimals=3).tolist()
    [[0.625, 0.375, 0.0]]
    """

    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    top_k: Count | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None

    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        spec, seeds = self.checked(), request.of_symbols().seeds

        def choose(logits: Tensor, rows: Tensor, step: int) -> Tensor:
            below = spec.probabilities(logits).cumsum(-1)  # [r v]
            drawn = uniform(seeds[rows], step)[:, None] * below[:, -1:]
            return (below <= drawn).sum(-1)

        return generate(model, request, choose).hypotheses()

    def probabilities(self, logits: Float[Tensor, "r v"]) -> Float[Tensor, "r v"]:
        """Return the probabilities to draw from, in double precision."""
        p = (logits.double() / self.temperature).softmax(-1)
        if self.top_k is None and self.top_p is None and self.min_p is None:
            return p
        p, order = p.sort(dim=-1, descending=True, stable=True)
        if self.top_k is not None:
            p[:, self.top_k :] = 0
        if self.top_p is not None:
            likelier = p.cumsum(-1) - p
            p = p * (likelier < self.top_p * p.sum(-1, keepdim=True))
        if self.min_p is not None:
            p = p * (p >= self.min_p * p[:, :1])
        return torch.zeros_like(p).scatter(1, order, p / p.sum(-1, keepdim=True))


def uniform(seeds: Int[Tensor, "r"], step: int) -> Float[Tensor, "r"]:
    """Return a number in [0, 1) for each row: the ``step``-th of the row's own stream.

    SplitMix64 (Steele, Lea and Flood 2014, figure 15), whose n-th output is a function of the seed and n alone: no
    state is kept, and every device gives the same bits. Its high 52 bits are the number.
    """
    z = seeds + _wrapped(0x9E3779B97F4A7C15 * (step + 1))
    z = (z ^ _shifted(z, 30)) * _wrapped(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _wrapped(0x94D049BB133111EB)
    return _shifted(z ^ _shifted(z, 31), 12).double() * 2.0**-52


def _shifted(z: Tensor, bits: int) -> Tensor:
    """Shift to the right and fill with zeros, as for unsigned numbers."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _wrapped(number: int) -> int:
    """Return the signed 64-bit number with the same bits."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number
