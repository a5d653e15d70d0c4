"""The few computations whose speed depends on how activations lie in memory.

Activations are ``[b t d]`` in every signature. In memory they lie in one of two ways:

* *features innermost*, as PyTorch makes them: best for wide models, whose fused kernels expect it;
* *rows innermost* (memory order ``d, t, b``): best for many small models at once on a CPU, where a loop over 8
  features would use one vector register and end, while a loop over 200 rows runs at full speed.

The layout is chosen once, by the tokens that enter (:meth:`Tokens.rows_innermost`), and everything downstream follows
the tensor it is given, as convolutions follow ``channels_last``. PyTorch's own kernels serve the first way; for the
second, :mod:`seqwright.nn.kernels.batch_innermost` writes forward and backward out. Both compute the same numbers up to rounding, and
the laws hold them together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seqwright.nn.kernels import batch_innermost


def rows_innermost(x: Tensor) -> bool:
    """Return whether the batch is the innermost dimension in memory."""
    return x.stride(0) == 1 and x.shape[0] > 1


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x Wᵀ + b`` for ``x [b t i]`` and ``weight [o i]``."""
    if not rows_innermost(x):
        return F.linear(x, weight, bias)
    return batch_innermost.linear(x, weight, weight.new_zeros(len(weight)) if bias is None else bias)


def look_up(table: Tensor, ids: Tensor) -> Tensor:
    """Rows of ``table [v d]`` for ``ids [b t]``."""
    if not rows_innermost(ids):
        return F.embedding(ids, table)
    b, t = ids.shape
    chosen = ids.T[None] == torch.arange(table.shape[0], device=ids.device)[:, None, None]
    one_hot = chosen.to(table.dtype).reshape(-1, t * b)  # [v t·b]
    return (table.mT @ one_hot).reshape(-1, t, b).permute(2, 1, 0)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """``(x − mean) / √(variance + ε) · w + b`` over the features of ``x [b t d]``."""
    if rows_innermost(x):
        return batch_innermost.layer_norm(x, weight, bias, epsilon)
    return F.layer_norm(x, weight.shape, weight, bias, epsilon)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """``x / √(mean(x²) + ε) · w`` over the features of ``x [b t d]``."""
    y = x.permute(2, 1, 0) if rows_innermost(x) else x
    features = 0 if rows_innermost(x) else -1
    y = y * ((y * y).mean(features, keepdim=True) + epsilon).rsqrt()
    return (y * weight[:, None, None]).permute(2, 1, 0) if rows_innermost(x) else y * weight


def scores(query: Tensor, key: Tensor) -> Tensor:
    """``q·k`` for every pair, ``[b h q c]`` and ``[b h k c]`` to ``[b h q k]``, in the layout of the queries."""
    pairs = query @ key.mT
    return _laid_rows_innermost(pairs) if rows_innermost(query) else pairs


def softmax(scores: Tensor, forbidden: Tensor | None, answerable: Tensor | None) -> Tensor:
    """Softmax over the allowed keys of ``scores [b h q k]``; zeros where none is allowed, as SDPA with a boolean mask gives.

    Args:
        scores: of every pair.
        forbidden: ``[b 1 q k]``, 0 at allowed keys and far below every score elsewhere; ``None`` where every key is allowed.
        answerable: ``Bool[b 1 q 1]``, true where any key is allowed; ``None`` where that holds for every query.
    """
    weights = (scores if forbidden is None else scores + forbidden).softmax(-1)
    if answerable is not None:
        weights = weights.masked_fill(~answerable, 0)
    return _laid_rows_innermost(weights) if rows_innermost(scores) else weights


def log_softmax(logits: Tensor) -> Tensor:
    """``log p`` of every symbol, ``[b t v]``."""
    if not rows_innermost(logits):
        return logits.log_softmax(-1)
    return logits.transpose(0, 2).log_softmax(0).transpose(0, 2)


def _laid_rows_innermost(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous().movedim(-1, 0)
