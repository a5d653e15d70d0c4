from __future__ import annotations

import torch

from seqwright.core.tokens import Tokens


def test_rows_innermost_changes_memory_and_nothing_else():
    tokens = Tokens.of([[1, 2, 3], [4]], pad=9)
    relaid = tokens.rows_innermost()
    assert torch.equal(relaid.ids, tokens.ids)
    assert torch.equal(relaid.at, tokens.at)
    assert relaid.ids.stride(0) == 1


def test_dense_rows_are_recognised_on_the_cpu():
    dense = Tokens.of([[1, 2, 3], [4, 5, 6]])
    assert dense.dense
    assert dense.select(torch.tensor([1])).dense
    assert dense.rows_innermost().dense
    assert not Tokens.of([[1, 2, 3], [4]]).dense
    assert not Tokens.of([[1, 2, 3], [4]], left=True).dense
    assert not Tokens(dense.ids, dense.at + 1).dense  # a later chunk


def test_dense_is_kept_on_another_device_and_false_where_it_is_unknown():
    dense = Tokens.of([[1, 2, 3], [4, 5, 6]])
    assert dense.to("meta").dense
    assert not Tokens(dense.ids.to("meta"), dense.at.to("meta")).dense
    assert not Tokens.of([[1, 2], [4]]).to("meta").dense
    inside = []
    torch.vmap(lambda ids, at: inside.append(Tokens(ids, at).dense) or ids)(dense.ids[None], dense.at[None])
    assert inside == [False]

    unknown = Tokens(dense.ids, dense.at)
    compiled = torch.compile(lambda tokens: tokens.ids if tokens.dense else -tokens.ids, backend="eager")
    assert torch.equal(compiled(unknown), -dense.ids)
    assert torch.equal(compiled(dense), dense.ids)


def test_lengths_do_not_count_padding():
    assert Tokens.of([[1, 2, 3], [4], []], pad=9, left=True).lengths.tolist() == [3, 1, 0]
