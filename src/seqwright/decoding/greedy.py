"""Greedy decoding: the likeliest token at every step, and a chosen token stays chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from seqwright.core.model import Model
from seqwright.core.probe import SILENT, Probe
from seqwright.core.tokens import Tokens


@dataclass(frozen=True)
class Generated:
    """Answers side by side.

    Attributes:
        ids: ``[b t]``, what was generated after the first, given, token; ``end`` fills a row that is over.
        stopped: ``[b]``, whether the row said ``end`` before the limit.
    """

    ids: Shaped[Tensor, "b t"]
    stopped: Bool[Tensor, "b"]


@torch.no_grad()
def greedy(
    model: Model,
    source: Tokens | None,
    first: Tokens,
    *,
    end: int | None,
    limit: int,
    choose: Callable[[Tensor], Tensor] = lambda logits: logits.argmax(-1),
    probe: Probe = SILENT,
) -> Generated:
    """Answer a batch of sources.

    A causal decoder reads each new token once and remembers its keys and values. One without a causal mask would read
    its past differently with every new token, so there the prefix is read anew at each step; what was chosen stays.

    Args:
        model: in eval mode, unless dropout is wanted.
        source: ``[b s]``.
        first: ``[b 1]``, the token each answer starts after.
        end: the token after which an answer is over; ``None`` to generate ``limit`` tokens.
        limit: how many tokens to generate at most.
        choose: from logits ``[b v]`` to tokens ``[b]``.
        probe: is offered the tensors of every step.
    """
    beginning = model.start(source, probe)
    state, tokens = beginning, first
    chosen: list[Tensor] = []
    stopped = torch.zeros(first.ids.shape[0], dtype=torch.bool, device=first.ids.device)
    for _ in range(limit):
        output, state = model.advance(tokens, state if model.incremental else beginning, probe)
        following = choose(output.logits[:, -1])
        if end is not None:
            following = torch.where(stopped, end, following)
            stopped = stopped | (following == end)
        chosen.append(following)
        if end is not None and bool(stopped.all()):
            break
        new = Tokens(following[:, None].to(first.ids.dtype), tokens.at[:, -1:] + 1)
        tokens = (
            new if model.incremental else Tokens(torch.cat([tokens.ids, new.ids], 1), torch.cat([tokens.at, new.at], 1))
        )
    return Generated(torch.stack(chosen, 1), stopped)
