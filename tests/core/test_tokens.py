from __future__ import annotations

import torch

from seqwright.core.tokens import Tokens


def test_rows_innermost_changes_memory_and_nothing_else():
    tokens = Tokens.of([[1, 2, 3], [4]], pad=9)
    relaid = tokens.rows_innermost()
    assert torch.equal(relaid.ids, tokens.ids)
    assert torch.equal(relaid.at, tokens.at)
    assert relaid.ids.stride(0) == 1


def test_lengths_do_not_count_padding():
    assert Tokens.of([[1, 2, 3], [4], []], pad=9, left=True).lengths.tolist() == [3, 1, 0]
