"""Attention: what it reads it remembers, and queries look at what is remembered."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Spec
from seqwright.nn.cache import KVCache
from seqwright.nn.dropout import Dropout
from seqwright.nn.kernels import batch_innermost, dispatch
from seqwright.nn.kernels.vmap import mapped
from seqwright.nn.linear import Linear, side_by_side, xavier
from seqwright.nn.mask import Mask, NoMask
from seqwright.nn.position import AttentionPositions
from seqwright.nn.scale import RootScale, Scale


class Attention(nn.Module):
    """See :class:`AttentionSpec`.

    Offers a probe ``queries``, ``keys``, ``values`` (``[b h t c]``), ``scores`` and ``weights`` (``[b h q k]``, before
    dropout). Weights are formed one by one only where dropout, an ensemble or a probe needs them; otherwise PyTorch's
    fused kernel computes the same result.
    """

    def __init__(self, width: int, heads: int, mask: Mask, scale: Scale, dropout: float) -> None:
        super().__init__()
        packed = xavier(width, 3 * width)  # the three in-projections start as one packed matrix would
        self.query = Linear(width, width, bound=packed, bias_bound=0)
        self.key = Linear(width, width, bound=packed, bias_bound=0)
        self.value = Linear(width, width, bound=packed, bias_bound=0)
        self.output = Linear(width, width, bound=xavier(width, width), bias_bound=0)
        self.dropout = Dropout(dropout)
        self.heads, self.mask, self.scale = heads, mask, scale.of(width // heads)

    def forward(
        self,
        x: Float[Tensor, "b q d"],
        here: AttentionPositions,
        read: tuple[Float[Tensor, "b s d"], AttentionPositions] | None,
        memory: KVCache | None,
        probe: Probe = SILENT,
    ) -> tuple[Float[Tensor, "b q d"], KVCache]:
        """Remember what is to be read (vectors and their places), then let every query look at all that is remembered.

        Self-attention reads its own queries; cross attention reads the source at the first step and nothing later.
        """
        if read is None:
            assert memory is not None, "there is nothing to attend to"
            (query,) = self.project(x, self.query)
        else:
            seen, places = read
            if seen is x:
                query, key, value = self.project(x, self.query, self.key, self.value)
            else:
                (query,), (key, value) = self.project(x, self.query), self.project(seen, self.key, self.value)
            new = KVCache(probe("keys", places.turn(key)), probe("values", value), places.at)
            memory = new if memory is None else memory.write(new)
        query = probe("queries", here.turn(query))
        allowed = self.mask.allows(here.at[:, :, None], memory.at[:, None, :]) & (memory.at >= 0)[:, None, :]
        bias = here.bias(memory.at)
        mixed = self.attend(query, memory, allowed[:, None], bias if bias is None else bias.to(x.dtype), probe)
        return self.output(mixed.transpose(1, 2).flatten(2)), memory

    def project(self, x: Tensor, *parts: Linear) -> list[Tensor]:
        """What some of the in-projections make of the vectors, cut into heads: ``[b t d]`` to ``[b h t c]`` each."""
        return [y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in side_by_side(x, parts)]

    def attend(self, query: Tensor, memory: KVCache, allowed: Tensor, bias: Tensor | None, probe: Probe) -> Tensor:
        """The values mixed by softmax(q kᵀ / scale + bias) over the allowed keys: ``[b h q c]``."""
        if not (probe.wants("weights") or probe.wants("scores")):
            if dispatch.rows_innermost(query):
                rate, generator = self.dropout.active, self.dropout.generator
                return batch_innermost.attend(query, memory.k, memory.v, allowed, bias, self.scale, rate, generator)
            if not (self.dropout.active or mapped()):
                mask = _sdpa_mask(allowed, bias)
                return F.scaled_dot_product_attention(query, memory.k, memory.v, mask, scale=1 / self.scale)
        scores = dispatch.scores(query / self.scale, memory.k)
        scores = probe("scores", scores if bias is None else scores + bias)
        weights = probe("weights", dispatch.softmax(scores, allowed))
        return self.dropout(weights) @ memory.v


def _sdpa_mask(allowed: Tensor, bias: Tensor | None) -> Tensor:
    return allowed if bias is None else bias.masked_fill(~allowed, float("-inf"))


class AttentionSpec(Spec):
    """Scaled dot-product attention in several heads (Vaswani et al. 2017, eq. 1 and §3.2.2).

    ``softmax(q kᵀ / scale) v`` in each of ``heads`` slices of the width, over the keys that ``mask`` allows; ``scale`` is
    of the slice's width c, √c unless told otherwise. Padding is never allowed. In-projections start as ``torch.nn.MultiheadAttention``'s packed one: U(±√(6/4d)), biases 0.
    """

    heads: Count = 1
    mask: Mask = NoMask()
    scale: Scale = RootScale()

    def build(self, width: int, dropout: float) -> Attention:
        if width % self.heads:
            raise SeqwrightError(
                f"a width of {width} cannot be cut into {self.heads} heads",
                fix="choose a number of heads that divides it",
            )
        return Attention(width, self.heads, self.mask, self.scale, dropout)
