"""Greedy decoding: the likeliest token at every step, and a chosen token stays chosen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens
from seqwright.decoding.generate import Generated, generate
from seqwright.decoding.request import GenerationRequest, Hypothesis


def likeliest(logits: Tensor) -> Tensor:
    """``[r v]`` to ``[r]``."""
    return logits.argmax(-1)


class Greedy(Spec):
    """The likeliest token at every step."""

    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        """One answer to each row."""
        return generate(model, request.of_symbols(), lambda logits, rows, step: likeliest(logits)).hypotheses()


def greedy(
    model: Model,
    source: Tokens | None,
    first: Tokens,
    *,
    end: int | None,
    limit: int,
    choose: Callable[[Tensor], Tensor] = likeliest,
    probe: Probe = SILENT,
) -> Generated:
    """Answer a batch of sources, also by a model that says numbers.

    Args:
        model: in eval mode, unless dropout is wanted.
        source: ``[b s]``.
        first: ``[b p]``, the tokens each answer starts after.
        end: the token after which an answer is over; ``None`` to generate ``limit`` tokens.
        limit: how many tokens to generate at most.
        choose: from logits ``[b v]`` to tokens ``[b]``.
        probe: is offered the tensors of every step.
    """
    rows = torch.zeros(len(first.at), dtype=torch.long, device=first.at.device)
    request = GenerationRequest(source, first, end, limits=rows + limit, seeds=rows)
    return generate(model, request, lambda logits, rows, step: choose(logits), probe)
