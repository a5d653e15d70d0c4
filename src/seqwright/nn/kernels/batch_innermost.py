"""Forward and backward of the hot parts, written out for activations whose rows lie innermost.

A small model spends its time on walking through memory, not on arithmetic: autograd's own backward of a LayerNorm reads
and writes the activations 14 times where 9 do. So each part here states its formulas by hand, works in place on
what it has just made, and keeps for the backward pass only what that needs.

Every formula counts its dimensions from the right. A stack of models is then the same formula with one more dimension
on the left, and that is how ``vmap`` is answered (:mod:`seqwright.nn.kernels.vmap`): many members cost one call.

Inside this file ``r`` is the batch (rows), innermost; activations ``[... b t d]`` are seen as ``[... d t r]`` and heads
``[... b h t c]`` as ``[... h c t r]``, which is how they lie in memory. ``ḡ`` of a thing is the gradient by it.
"""

# torch's backward takes any number of gradients, and torch._softmax_backward_data is what autograd itself calls:
# pyright: reportIncompatibleMethodOverride=false, reportPrivateImportUsage=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqwright.nn.kernels import dropout_noise
from seqwright.nn.kernels.vmap import lifted


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``x Wᵀ + b`` for ``x [b t i]``, ``weight [o i]``, ``bias [o]``."""
    return lifted(_Linear.apply, x, weight, bias)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """``(x − mean) / √(variance + ε) · w + b`` over the features of ``x [b t d]``."""
    return lifted(_LayerNorm.apply, x, weight, bias, epsilon)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    allowed: Tensor | None,
    bias: Tensor | None,
    scale: float,
    rate: float,
    generator: torch.Generator | None,
) -> Tensor:
    """``dropout(softmax(q kᵀ / scale + bias)) v`` over the allowed keys, ``[b h q c]``; 0 where none is allowed.

    ``query [b h q c]``, ``key`` and ``value [b h k c]``; ``allowed`` and ``bias`` broadcast to ``[b h q k]``, and without
    ``allowed`` every key is.
    """
    return lifted(_Attend.apply, query, key, value, allowed, bias, scale, rate, generator)


class _Linear(torch.autograd.Function):
    """``y = W x + b``. Backward: ``x̄ = Wᵀ ȳ``, ``W̄ = ȳ xᵀ``, ``b̄ = Σ ȳ``, sums over positions and rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = _features_first(x)
        ctx.save_for_backward(x, weight)
        y = _affine(bias, weight, x.flatten(-2))  # [... o t·r]
        return _features_last(y.unflatten(-1, x.shape[-2:]))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        grad = _features_first(grad).flatten(-2)  # [... o t·r]
        into = _features_last((weight.mT @ grad).unflatten(-1, x.shape[-2:])) if ctx.needs_input_grad[0] else None
        return into, grad @ x.flatten(-2).mT, grad.sum(-1)


class _LayerNorm(torch.autograd.Function):
    """``n = (x − μ) s`` with ``s = 1/√(σ² + ε)``, ``y = w n + b``.

    Backward, with means over features: ``x̄ = s (w ȳ − mean(w ȳ) − n mean(w ȳ n))``, ``w̄ = Σ ȳ n``, ``b̄ = Σ ȳ``.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
        x = _features_first(x)
        normal = x - _weighted_mean(torch.ones_like(weight), x)
        scale = _weighted_mean(torch.ones_like(weight), normal.square()).add_(epsilon).rsqrt_()
        ctx.save_for_backward(weight, normal.mul_(scale), scale)
        y = (normal * weight[..., None, None]).add_(bias[..., None, None])
        return _features_last(y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weight, normal, scale = ctx.saved_tensors
        grad = _features_first(grad)
        product = grad * normal
        into = grad * weight[..., None, None]
        along = _weighted_mean(weight, product)
        into.sub_(_weighted_mean(weight, grad)).addcmul_(normal, along, value=-1).mul_(scale)
        return _features_last(into), product.sum((-2, -1)), grad.sum((-2, -1)), None


class _Attend(torch.autograd.Function):
    """``s = q kᵀ / a + bias``, ``p = softmax(s)``, ``y = (p m) v``, with ``a`` the scale and ``m`` the noise of dropout.

    Backward: ``v̄ = (p m)ᵀ ȳ``, ``p̄ = m (ȳ vᵀ)``, ``s̄ = p (p̄ − Σ_k p p̄)``, ``q̄ = s̄ k / a``, ``k̄ = s̄ᵀ q / a``. Where no
    key is allowed ``p`` is 0, hence ``y`` and every gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        allowed: Tensor | None,
        bias: Tensor | None,
        scale: float,
        rate: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        terms = bias
        if allowed is not None:
            lowest = (
                torch.finfo(query.dtype).min / 2
            )  # far below every score, and finite: −∞ alone in a row would be NaN
            terms = torch.zeros_like(allowed, dtype=query.dtype) if bias is None else bias
            terms = terms.masked_fill(~allowed, lowest)
        scores = _pairs(_heads_first(query), _heads_first(key))
        scores = scores.mul_(1 / scale) if terms is None else torch.add(terms.movedim(-4, -1), scores, alpha=1 / scale)
        weights = scores.softmax(-2)  # [... h q k r]
        if allowed is not None:
            weights.mul_(allowed.any(-1, keepdim=True).movedim(-4, -1))
        mask = dropout_noise.kept(weights, rate, generator) if rate else torch.ones_like(weights[..., :1, :1, :1])
        ctx.save_for_backward(query, key, value, bias, weights, mask)
        ctx.scale = scale
        return _heads_last(_mix(weights * mask, _heads_first(value)))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, bias, weights, mask = ctx.saved_tensors
        query, key, value, grad = map(_heads_first, (query, key, value, grad))
        of_value = _mix((weights * mask).transpose(-2, -3), grad)
        of_weights = _pairs(grad, value).mul_(mask)
        of_scores = torch._softmax_backward_data(of_weights, weights, -2, weights.dtype)
        of_bias = of_scores.movedim(-1, -4).sum_to_size(bias.shape) if ctx.needs_input_grad[4] else None
        of_products = of_scores / ctx.scale
        of_query, of_key = _mix(of_products, key), _mix(of_products.transpose(-2, -3), query)
        return *map(_heads_last, (of_query, of_key, of_value)), None, of_bias, None, None, None


def _pairs(a: Tensor, b: Tensor) -> Tensor:
    """``Σ_c a[c q] b[c k]`` in every row: ``[... h c q r]`` and ``[... h c k r]`` to ``[... h q k r]``.

    Adding up over ``c`` in place spares the product of all four, eight times the size of the result.
    """
    first, *rest = zip(a.unsqueeze(-2).unbind(-4), b.unsqueeze(-3).unbind(-4), strict=True)
    return _added_up(first, rest)


def _mix(weights: Tensor, values: Tensor) -> Tensor:
    """``Σ_k weights[q k] values[c k]`` in every row: ``[... h q k r]`` and ``[... h c k r]`` to ``[... h c q r]``."""
    first, *rest = zip(weights.unsqueeze(-4).unbind(-2), values.unsqueeze(-3).unbind(-2), strict=True)
    return _added_up(first, rest)


def _added_up(first: tuple[Tensor, Tensor], rest: list[tuple[Tensor, Tensor]]) -> Tensor:
    total = first[0] * first[1]
    for a, b in rest:
        total.addcmul_(a, b)
    return total


def _affine(bias: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    """``b + W x`` for ``x [... i n]``."""
    product = torch.addmm if x.dim() == 2 else torch.baddbmm
    return product(bias.unsqueeze(-1), weight, x)


def _weighted_mean(weight: Tensor, x: Tensor) -> Tensor:
    """``mean_d(w x)``: ``[... d]`` and ``[... d t r]`` to ``[... 1 t r]``, as a product, which is faster than a sum."""
    return (weight.unsqueeze(-2) @ x.flatten(-2)).unflatten(-1, x.shape[-2:]).div_(x.shape[-3])


def _features_first(x: Tensor) -> Tensor:
    """``[... r t d]`` as ``[... d t r]``."""
    return x.transpose(-1, -3)


def _features_last(x: Tensor) -> Tensor:
    """``[... d t r]`` as ``[... r t d]``."""
    return x.transpose(-1, -3)


def _heads_first(x: Tensor) -> Tensor:
    """``[... r h t c]`` as ``[... h c t r]``."""
    return x.movedim(-4, -1).transpose(-3, -2)


def _heads_last(x: Tensor) -> Tensor:
    """``[... h c t r]`` as ``[... r h t c]``."""
    return x.transpose(-3, -2).movedim(-1, -4)
