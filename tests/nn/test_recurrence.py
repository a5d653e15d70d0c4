"""The gated recurrent unit is PyTorch's, and its state can be taken up again anywhere."""

from __future__ import annotations

import torch
from torch import nn

from seqwright.nn.recurrence import GRUCell, RecurrentState

REAL = torch.tensor([[True, True, False, True], [False, True, True, True]])


def _cells() -> tuple[GRUCell, nn.GRUCell]:
    ours, theirs = GRUCell(3, 5), nn.GRUCell(3, 5)
    ours.load_state_dict(theirs.state_dict())
    return ours.double(), theirs.double()


def test_a_cell_is_that_of_torch():
    (ours, theirs), x, h = _cells(), torch.randn(2, 3).double(), torch.randn(2, 5).double()
    torch.testing.assert_close(ours(x, h), theirs(x, h))
    ours.reset(torch.Generator().manual_seed(0))
    assert all(0.3 < parameter.abs().max() < 5**-0.5 for parameter in ours.parameters())


def test_padding_is_passed_by_and_tokens_may_come_in_pieces():
    (cell, _), x = _cells(), torch.randn(2, 4, 3).double()
    before = RecurrentState(torch.zeros(2, 1, 5).double(), (torch.ones(2, 7),))
    whole = before.read(cell, x, REAL)
    pieces = before.read(cell, x[:, :1], REAL[:, :1]).read(cell, x[:, 1:], REAL[:, 1:])
    torch.testing.assert_close(pieces.h, whole.h)
    assert whole.length == 4
    assert torch.equal(whole.after(2), whole.h[:, 3:])
    for row in range(2):
        alone = RecurrentState(before.h[:1]).read(cell, x[row : row + 1, REAL[row]], torch.ones(1, 3).bool())
        torch.testing.assert_close(alone.last[0], whole.last[row])


def test_rows_are_selected_and_rewound_each_by_itself():
    (cell, _), x = _cells(), torch.randn(2, 4, 3).double()
    state = RecurrentState(torch.zeros(2, 1, 5).double(), (torch.tensor([[1.0], [2.0]]),)).read(cell, x, REAL)
    chosen = state.select(torch.tensor([1, 1, 0]))
    assert torch.equal(chosen.h, state.h[[1, 1, 0]])
    assert chosen.source[0].flatten().tolist() == [2, 2, 1]
    back = state.rewind(torch.tensor([3, 1]))
    assert back.length == 3
    assert torch.equal(back.last[0], state.h[0, 3])
    assert torch.equal(back.last[1], state.h[1, 1])
    assert back.source is state.source
