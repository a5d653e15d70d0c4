from __future__ import annotations

import msgspec
import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import build
from seqwright.core.spec import diff, vary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.mask import CausalMask, NoMask
from seqwright.studies.ladder.rungs import MASKED, PADDING, TOKEN


def test_a_rung_is_the_one_below_and_its_part():
    assert diff(TOKEN, MASKED) == {"decoder.self_attention.mask": ("NoMask", "CausalMask")}


def test_varying_there_and_back_changes_nothing():
    there = vary(MASKED, {"decoder.self_attention.mask": NoMask()})
    assert there == TOKEN
    assert vary(there, {"decoder.self_attention.mask": CausalMask()}) == MASKED


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("decoder.depth", 2, "StackSpec has no part 'depth'"),
        ("width.x", 2, "int has no part 'x'"),
        ("width", "eight", "Expected `int`"),
        ("decoder.position", CausalMask(), "CausalMask"),
        ("decoder.dropout", 1.0, "< 1.0"),
        ("encoder.layers", 0, ">= 1"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(path: str, value: object, told: str):
    with pytest.raises(SeqwrightError, match=told):
        vary(PADDING, {path: value})


def test_a_spec_that_cannot_be_built_is_refused():
    with pytest.raises(SeqwrightError, match="3 heads"):
        build(vary(PADDING, {"decoder.self_attention.heads": 3}))
    with pytest.raises(SeqwrightError, match="< 1"):
        build(msgspec.structs.replace(PADDING, decoder=msgspec.structs.replace(PADDING.decoder, dropout=2.0)))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":"Other"}', '{"type":"TransformerSpec","width":8}', b"\xff"])
def test_text_that_is_no_spec_is_refused(text: str | bytes):
    with pytest.raises(SeqwrightError, match="not a TransformerSpec"):
        TransformerSpec.from_json(text)
