"""Models and inputs that the laws are tried with, in double precision."""

from __future__ import annotations

import torch
from torch import Tensor

from seqwright.core.model import Side, build
from seqwright.core.probe import SILENT, Probe
from seqwright.core.tokens import Tokens
from seqwright.models.transformer import Transformer, TransformerSpec

SOURCES = [4, 2, 5, 1]
TARGETS = [3, 5, 1, 4]


def model_of(spec: TransformerSpec, *, seed: int = 0) -> Transformer:
    """A model in eval mode with every parameter away from zero and one, so that no part is idle by accident."""
    model = build(spec, seed=seed).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) * 0.2)
    return model.eval()


def tokens_of(
    spec: TransformerSpec, lengths: list[int], *, seed: int, left: bool = False, side: Side = "target"
) -> Tokens:
    """Random rows of these lengths, padded on one side; padding reads as a symbol of its own, never as nothing."""
    generator = torch.Generator().manual_seed(seed)
    top = spec.vocabulary_size(side)
    if top is not None:
        rows = [torch.randint(top - 1, (n,), generator=generator).tolist() for n in lengths]
        return Tokens.of(rows, pad=top - 1, left=left)
    rows = [torch.rand(n, generator=generator, dtype=torch.double).tolist() for n in lengths]
    return Tokens.of(rows, pad=7, left=left, dtype=torch.double)


def source_of(spec: TransformerSpec, lengths: list[int] = SOURCES, *, left: bool = False) -> Tokens | None:
    """A source, where the model reads one."""
    return tokens_of(spec, lengths, seed=2, left=left, side="source") if spec.encoder else None


def target_of(spec: TransformerSpec, lengths: list[int] = TARGETS, *, left: bool = False) -> Tokens:
    """A target."""
    return tokens_of(spec, lengths, seed=3, left=left)


def logits(model: Transformer, target: Tokens, source: Tokens | None, probe: Probe = SILENT) -> Tensor:
    """What the model says at every token of the target."""
    return model(target, source, probe=probe)[0].logits


def row(tokens: Tokens | None, index: int, *, bare: bool) -> Tokens | None:
    """One row alone, with its padding or without."""
    if tokens is None:
        return None
    kept = tokens.real[index] if bare else slice(None)
    return Tokens(tokens.ids[index, kept][None], tokens.at[index, kept][None])
