from __future__ import annotations

import torch

from seqwright.core.model import build
from seqwright.core.probe import Edit, Record
from seqwright.studies.ladder.rungs import BITS, PADDING
from seqwright.tasks.paper import EIGHT

NAME = "decoder.blocks.0.cross.weights"


def test_a_record_keeps_the_tensors_of_its_names():
    batch, record = BITS.batch(EIGHT.pairs), Record("cross.weights")
    build(PADDING).eval()(batch.target, batch.source, probe=record)
    assert list(record.seen) == [NAME]
    assert record.seen[NAME][0].shape == (8, 1, 5, 4)


def test_an_edit_replaces_a_tensor():
    """Uniform attention weights instead of the decoder's own change its logits."""
    batch, model = BITS.batch(EIGHT.pairs), build(PADDING).eval()
    before = model(batch.target, batch.source)[0].logits
    same = model(batch.target, batch.source, probe=Edit(NAME, lambda x: x))[0].logits
    other = model(batch.target, batch.source, probe=Edit(NAME, lambda x: torch.full_like(x, 0.25)))[0].logits
    torch.testing.assert_close(same, before)
    assert not torch.allclose(other, before, atol=1e-3)
