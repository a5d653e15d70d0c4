"""The paper's rungs are ``torch.nn.Transformer``: the same weights give the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqwright.core.model import build
from seqwright.core.tokens import Tokens
from seqwright.models.transformer import Transformer
from seqwright.nn.attention import MultiHead
from seqwright.nn.block import Block
from seqwright.studies.ladder.rungs import MASKED, PADDING, PLAIN, POSITIONS, TOKEN
from tests.laws.inputs import logits, source_of, target_of

RUNGS = {"plain": PLAIN, "token": TOKEN, "masked": MASKED, "positions": POSITIONS, "padding": PADDING}
COUNTS = {"plain": 88, "token": 1332, "masked": 1332, "positions": 1332, "padding": 1340}
rungs = pytest.mark.parametrize("rung", RUNGS)


@rungs
def test_parameter_counts_are_the_papers(rung: str):
    assert sum(p.numel() for p in build(RUNGS[rung]).parameters()) == COUNTS[rung]


@pytest.mark.parametrize(("rung", "padded"), [*((rung, False) for rung in RUNGS), ("padding", True)])
@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_equals_torch(rung: str, train: bool, padded: bool):
    spec = RUNGS[rung]
    theirs = nn.Transformer(spec.width, 1, 1, 1, 8, dropout=0, norm_first=True, batch_first=True).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    ours = build(spec).double().train(train)
    _load(ours, theirs)
    for module in ours.modules():
        if hasattr(module, "rate"):
            module.rate = 0.0
    lengths = ([4, 2, 3, 1], [3, 5, 1, 4]) if padded else ([4] * 4, [5] * 4)
    source, target = source_of(spec, lengths[0]), target_of(spec, lengths[1])
    assert source is not None
    mask = torch.ones(target.ids.shape[1], target.ids.shape[1], dtype=torch.bool).triu(1)
    wanted = theirs.train()(  # in eval mode torch switches to a kernel that writes zeros at padding
        _embedded(ours, source, rung),
        _embedded(ours, target, rung),
        tgt_mask=mask if spec.decoder.causal else None,
        src_key_padding_mask=~source.real if padded else None,
        tgt_key_padding_mask=~target.real if padded else None,
        memory_key_padding_mask=~source.real if padded else None,
    )
    wanted = ours.head(wanted)
    torch.testing.assert_close(logits(ours, target, source)[target.real], wanted[target.real], rtol=0, atol=1e-10)


def _embedded(ours: Transformer, tokens: Tokens, rung: str) -> Tensor:
    """The paper's input: embeddings times √d, plus its positional encoding, written as its code writes it."""
    if rung == "plain":
        return tokens.ids[..., None]
    width = ours.spec.width
    x = ours.embedding.weight[tokens.ids] * width**0.5
    if rung not in ("positions", "padding"):
        return x
    place = torch.arange(tokens.ids.shape[1], dtype=torch.double)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-torch.log(torch.tensor(10000.0, dtype=torch.double)) / width))
    encoding = torch.zeros(tokens.ids.shape[1], width, dtype=torch.double)
    encoding[:, 0::2] = torch.sin(place * rate)
    encoding[:, 1::2] = torch.cos(place * rate)
    return x + encoding


@torch.no_grad()
def _load(ours: Transformer, theirs: nn.Transformer) -> None:
    assert ours.encoder is not None
    for stack, layers, norm in (
        (ours.encoder, theirs.encoder.layers, theirs.encoder.norm),
        (ours.decoder, theirs.decoder.layers, theirs.decoder.norm),
    ):
        _copy(stack.norm, norm)
        for block, layer in zip(stack.blocks, layers, strict=True):
            _load_block(block, layer)


def _load_block(block: Block, layer: nn.Module) -> None:
    _load_attention(block.mixer, layer.self_attn)
    _copy(block.mixer_residual.norm, layer.norm1)
    if block.crosses:
        _load_attention(block.cross, layer.multihead_attn)
        _copy(block.cross_residual.norm, layer.norm2)
    _copy(block.feedforward_residual.norm, layer.norm3 if block.crosses else layer.norm2)
    _copy(block.feedforward.widen, layer.linear1)
    _copy(block.feedforward.narrow, layer.linear2)


def _load_attention(ours: MultiHead, theirs: nn.MultiheadAttention) -> None:
    parts = (ours.query, ours.key, ours.value)
    for part, weight, bias in zip(parts, theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True):
        part.weight.copy_(weight)
        part.bias.copy_(bias)
    _copy(ours.output, theirs.out_proj)


def _copy(ours: nn.Module, theirs: nn.Module) -> None:
    ours.weight.copy_(theirs.weight)
    ours.bias.copy_(theirs.bias)


def test_initialisation_is_torchs():
    """Uniform within the stated bounds, or normal; compared over many seeds by range and variance.

    The least of the samples holds 200 × 8 uniform values, whose deviation is known to 1.1 %: both sides together to
    1.6 %, so 8 % is five times what chance does.
    """
    models = [build(PADDING, seed=seed) for seed in range(200)]
    torch.manual_seed(0)
    reference = [nn.Transformer(8, 1, 1, 1, 8, batch_first=True) for _ in range(200)]

    def spread(values: list[Tensor]) -> tuple[float, float]:
        flat = torch.cat([value.flatten() for value in values])
        return flat.abs().max().item(), flat.std().item()

    for ours, theirs in (
        (
            lambda m: m.encoder.blocks[0].mixer.query.weight,
            lambda r: r.encoder.layers[0].self_attn.in_proj_weight,
        ),
        (
            lambda m: m.decoder.blocks[0].cross.output.weight,
            lambda r: r.decoder.layers[0].multihead_attn.out_proj.weight,
        ),
        (lambda m: m.encoder.blocks[0].feedforward.widen.weight, lambda r: r.encoder.layers[0].linear1.weight),
        (lambda m: m.encoder.blocks[0].feedforward.narrow.bias, lambda r: r.encoder.layers[0].linear2.bias),
    ):
        mine, wanted = spread([ours(m).detach() for m in models]), spread([theirs(r).detach() for r in reference])
        assert mine == pytest.approx(wanted, rel=0.08)
    for model in models[:5]:
        attention = model.decoder.blocks[0].mixer
        assert all(not part.bias.any() for part in (attention.query, attention.key, attention.value, attention.output))
    highest, deviation = spread([m.embedding.weight.detach() for m in models])
    assert deviation == pytest.approx(1, rel=0.03)
    assert highest > 3
