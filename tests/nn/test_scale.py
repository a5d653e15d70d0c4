"""Scales multiply and divide what they say, in each of the ways that attention is computed."""

from __future__ import annotations

import json

import pytest
import torch

from seqwright.core.probe import SILENT, Probe, Record
from seqwright.core.tokens import Tokens
from seqwright.nn.attention import AttentionSpec, SelfAttention
from seqwright.nn.embedding import TokenEmbedding
from seqwright.nn.scale import LinearScale, NoScale, RootScale, Scale
from tests.nn.positions import stack_positions

WIDTH, HEADS = 18, 2  # heads of 9
SCALES: dict[Scale, float] = {NoScale(): 1, RootScale(): 3, LinearScale(): 9}
every_scale = pytest.mark.parametrize(("scale", "number"), SCALES.items())


@every_scale
def test_a_scale_of_a_width(scale: Scale, number: float):
    assert scale.of(9) == number


@every_scale
def test_embeddings_are_multiplied(scale: Scale, number: float):
    embedding = TokenEmbedding(vocabulary=4, scale=scale).build(9)
    torch.nn.init.normal_(embedding.weight)
    for tokens in (Tokens.of([[1, 2], [3, 0]]), Tokens.of([[1, 2], [3, 0]]).rows_innermost()):
        torch.testing.assert_close(embedding(tokens.ids), embedding.weight[tokens.ids] * number)


def _attended(attention: SelfAttention, *, relaid: bool, probe: Probe = SILENT) -> torch.Tensor:
    tokens = Tokens.of([[0] * 5, [0] * 3, [0] * 4])
    x = torch.randn(3, 5, WIDTH, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    if relaid:
        tokens, x = tokens.rows_innermost(), x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    return attention(x, stack_positions(tokens), None, probe)[0][tokens.real]


def _attention(scale: Scale) -> SelfAttention:
    attention = AttentionSpec(heads=HEADS, scale=scale).build(WIDTH, 0.0).double()
    for index, parameter in enumerate(attention.parameters()):
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(index))
    return attention


@every_scale
@pytest.mark.parametrize("relaid", [False, True], ids=["features innermost", "rows innermost"])
def test_scores_are_divided(scale: Scale, number: float, relaid: bool):
    record = Record()
    watched = _attended(_attention(scale), relaid=relaid, probe=record)
    (queries,), (keys,), (scores,) = (record.seen[name] for name in ("queries", "keys", "scores"))
    torch.testing.assert_close(scores, queries @ keys.mT / number)
    torch.testing.assert_close(_attended(_attention(scale), relaid=relaid), watched)


@pytest.mark.parametrize("relaid", [False, True], ids=["features innermost", "rows innermost"])
def test_scales_differ_in_what_is_attended(relaid: bool):
    """The fused kernels are told the scale: a head of 9 is attended differently under each."""
    one, root, linear = (_attended(_attention(scale), relaid=relaid) for scale in SCALES)
    for a, b in ((one, root), (root, linear), (one, linear)):
        assert (a - b).abs().max() > 0.01


def test_what_was_written_before_there_were_scales_is_read_as_the_root():
    for spec in (AttentionSpec(heads=2), TokenEmbedding(vocabulary=4)):
        written = json.loads(spec.to_json())
        assert written.pop("scale") == {"type": "RootScale"}
        assert type(spec).from_json(json.dumps(written)) == spec
