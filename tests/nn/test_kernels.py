"""The kernels written by hand say what the plain formulas say, in values and gradients, alone and stacked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap

from seqwright.nn.kernels import batch_innermost, dispatch

ROWS, PLACES, WIDTH, HEADS, MEMBERS = 3, 4, 6, 2, 3
ROOT = (WIDTH / HEADS) ** 0.5


def _draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed + sum(shape)))


def _rows_innermost(x: Tensor) -> Tensor:
    """``[... b t d]`` or ``[... b h t c]``, laid out so that the batch is innermost; the same values."""
    batch = -3 if x.dim() == 3 else -4
    return x.movedim(batch, -1).contiguous().movedim(-1, batch)


def _attend_plainly(
    query: Tensor, key: Tensor, value: Tensor, allowed: Tensor, bias: Tensor | None, scale: float = ROOT
) -> Tensor:
    scores = dispatch.scores(query, key) / scale
    forbidden = torch.zeros_like(allowed, dtype=scores.dtype).masked_fill(~allowed, torch.finfo(scores.dtype).min / 2)
    scores = scores if bias is None else scores + bias
    return dispatch.softmax(scores, forbidden, allowed.any(-1, keepdim=True)) @ value


def _allowed() -> Tensor:
    """Causal, with the first row's first query allowed nothing, as where padding asks."""
    allowed = torch.ones(PLACES, PLACES, dtype=torch.bool).tril().repeat(ROWS, 1, 1, 1)
    allowed[0, :, 0] = False
    return allowed


X, W, B = _draw(ROWS, PLACES, WIDTH), _draw(5, WIDTH), _draw(5)
Q, K, V = (_draw(ROWS, HEADS, PLACES, 3, seed=seed) for seed in (1, 2, 3))
BIAS = _draw(ROWS, HEADS, PLACES, PLACES)
CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor], list[Tensor]]] = {
    "linear": (dispatch.linear, F.linear, [X, W, B]),
    "layer norm": (
        lambda x, w, b: dispatch.layer_norm(x, w, b, 1e-5),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b, 1e-5),
        [X, W[0], W[1]],
    ),
    "attend": (
        lambda q, k, v: batch_innermost.attend(q, k, v, _allowed(), None, ROOT, 0.0, None),
        lambda q, k, v: _attend_plainly(q, k, v, _allowed(), None),
        [Q, K, V],
    ),
    "attend with another scale": (
        lambda q, k, v: batch_innermost.attend(q, k, v, _allowed(), None, 0.5, 0.0, None),
        lambda q, k, v: _attend_plainly(q, k, v, _allowed(), None, scale=0.5),
        [Q, K, V],
    ),
    "attend with a bias": (
        lambda q, k, v, bias: batch_innermost.attend(q, k, v, _allowed(), bias, ROOT, 0.0, None),
        lambda q, k, v, bias: _attend_plainly(q, k, v, _allowed(), bias),
        [Q, K, V, BIAS],
    ),
    "attend with a bias that rows and heads share": (
        lambda q, k, v, bias: batch_innermost.attend(q, k, v, _allowed(), bias, ROOT, 0.0, None),
        lambda q, k, v, bias: _attend_plainly(q, k, v, _allowed(), bias),
        [Q, K, V, BIAS[:1, :1]],
    ),
    "log softmax": (dispatch.log_softmax, lambda x: x.log_softmax(-1), [X]),
}
every_kernel = pytest.mark.parametrize(("ours", "plain", "inputs"), CASES.values(), ids=CASES.keys())


def _laid_out(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function, given its activations rows innermost."""
    return lambda *inputs: function(
        *(_rows_innermost(x) if x.shape[:1] == (ROWS,) and x.dim() > 2 else x for x in inputs)
    )


@every_kernel
def test_alone_rows_innermost(ours: Callable, plain: Callable, inputs: list[Tensor]):
    inputs = [x.clone().requires_grad_() for x in inputs]
    torch.testing.assert_close(_laid_out(ours)(*inputs), plain(*inputs), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(_laid_out(ours), inputs)


@every_kernel
def test_alone_features_innermost(ours: Callable, plain: Callable, inputs: list[Tensor]):
    inputs = [x.clone().requires_grad_() for x in inputs]
    torch.testing.assert_close(ours(*inputs), plain(*inputs), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(ours, inputs)


@every_kernel
@pytest.mark.parametrize("shared", [False, True], ids=["every input a member's own", "the first input shared"])
def test_stacked(ours: Callable, plain: Callable, inputs: list[Tensor], shared: bool):
    many = [torch.stack([x, x.flip(-1), -2 * x]).requires_grad_() for x in inputs]
    if shared:
        if len(inputs) == 1:
            pytest.skip("nothing is mapped over")
        many[0] = inputs[0].clone().requires_grad_()
    dims = tuple(None if shared and index == 0 else 0 for index in range(len(inputs)))
    together = lambda *inputs: vmap(_laid_out(ours), dims, randomness="different")(*inputs)  # noqa: E731
    alone = torch.stack(
        [plain(*(x if dim is None else x[i] for x, dim in zip(many, dims, strict=True))) for i in range(MEMBERS)]
    )
    torch.testing.assert_close(together(*many), alone, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(together, many)


def test_a_query_that_may_look_at_nothing_gets_zeros_and_gives_no_gradient():
    nothing = torch.zeros(ROWS, 1, PLACES, PLACES, dtype=torch.bool)
    inputs = [_rows_innermost(x).clone(memory_format=torch.preserve_format).requires_grad_() for x in (Q, K, V)]
    mixed = batch_innermost.attend(*inputs, nothing, None, ROOT, 0.0, None)
    mixed.sum().backward()
    assert not mixed.any()
    assert all(x.grad is not None and not x.grad.any() for x in inputs)  # not any: NaN would be true


def test_attention_drops_weights_out_and_its_gradient_knows_which():
    def ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(5)  # the same noise at every evaluation
        return _laid_out(lambda *x: batch_innermost.attend(*x, _allowed(), None, ROOT, 0.4, generator))(q, k, v)

    inputs = [x.clone().requires_grad_() for x in (Q, K, V)]
    assert torch.autograd.gradcheck(ours, inputs)
    many = [torch.stack([x, -x, 2 * x]).requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(lambda *x: vmap(ours, randomness="different")(*x), many)
    assert (ours(*inputs) - CASES["attend"][1](*inputs)).abs().max() > 0.1
