"""Greedy decoding: the likeliest token at every step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Spec
from seqwright.core.tokens import Tokens
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.generate import Generated, generate
from seqwright.decoding.request import GenerationRequest, Hypothesis


def likeliest(logits: Tensor) -> Tensor:
    """Return the likeliest tokens ``[r]`` of logits ``[r v]``."""
    return logits.argmax(-1)


class Greedy(Spec, Decoding):
    """Greedy decoding: the likeliest token at every step."""

    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        return generate(model, request.of_symbols(), lambda logits, rows, step: likeliest(logits)).hypotheses()


def greedy(
    model: Model,
    source: Tokens | None,
    prefix: Tokens,
    *,
    end: int | None,
    limit: int,
    choose: Callable[[Tensor], Tensor] = likeliest,
    probe: Probe = SILENT,
) -> Generated:
    """Decode a batch of sources greedily, also with a model that predicts numbers.

    Args:
        model: in eval mode, unless dropout is wanted.
        source: ``[b s]``.
        prefix: ``[b p]``, the tokens that each answer begins after.
        end: the token that ends an answer; ``None`` to generate ``limit`` tokens.
        limit: the greatest number of tokens to generate.
        choose: from logits ``[b v]`` to tokens ``[b]``.
        probe: observes the tensors of every step.
    """
    rows = torch.zeros(len(prefix.at), dtype=torch.long, device=prefix.at.device)
    request = GenerationRequest(source, prefix, end, limits=rows + limit, seeds=rows)
    return generate(model, request, lambda logits, rows, step: choose(logits), probe)
