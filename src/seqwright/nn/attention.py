"""Multi-head attention with an explicit key-value cache, among a stack's own tokens and across to the source."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.errors import SeqwrightError
from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Count, Spec
from seqwright.nn.attention_positions import KeyMask, StackPositions
from seqwright.nn.cache import KVCache, SourceCache
from seqwright.nn.dropout import Dropout
from seqwright.nn.kernels import batch_innermost, dispatch
from seqwright.nn.kernels.vmap import mapped
from seqwright.nn.linear import LinearMap, LinearSpec, side_by_side, xavier
from seqwright.nn.mask import Mask, NoMask
from seqwright.nn.mixer import Encoded, Mixer, SequenceMixer
from seqwright.nn.scale import RootScale, Scale


class MultiHead(SequenceMixer):
    """Projections and weighted sums, as self-attention and cross-attention share them.

    Offers a probe ``queries``, ``keys``, ``values`` (``[b h t c]``), ``scores`` and ``weights`` (``[b h q k]``, before
    dropout). Weights are formed one by one only where dropout, an ensemble or a probe needs them; otherwise PyTorch's
    fused kernel computes the same result.
    """

    def __init__(self, width: int, heads: int, scale: Scale, linear: LinearMap, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise SeqwrightError(
                f"a width of {width} cannot be divided into {heads} heads",
                fix="choose a number of heads that divides it",
            )
        packed = xavier(width, 3 * width)  # the three in-projections start as one packed matrix would
        self.query = linear.build(width, width, bound=packed, bias_bound=0)
        self.key = linear.build(width, width, bound=packed, bias_bound=0)
        self.value = linear.build(width, width, bound=packed, bias_bound=0)
        self.output = linear.build(width, width, bound=xavier(width, width), bias_bound=0)
        self.dropout = Dropout(dropout)
        self.heads, self.scale = heads, scale.of(width // heads)

    def project(self, x: Float[Tensor, "b t d"], *maps: nn.Module) -> list[Float[Tensor, "b h t c"]]:
        """Apply some of the in-projections and divide the results into heads."""
        return [y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in side_by_side(x, maps)]

    def attend(
        self, query: Float[Tensor, "b h q c"], cache: KVCache, mask: KeyMask, bias: Tensor | None, probe: Probe
    ) -> Float[Tensor, "b q d"]:
        """Return ``softmax(q kᵀ / scale + bias) v`` over the allowed keys, heads joined and projected."""
        return self.output(self.weighted(query, cache, mask, bias, probe).transpose(1, 2).flatten(2))

    def weighted(self, query: Tensor, cache: KVCache, mask: KeyMask, bias: Tensor | None, probe: Probe) -> Tensor:
        if not (probe.wants("weights") or probe.wants("scores")):
            if dispatch.rows_innermost(query):
                rate, generator = self.dropout.active, self.dropout.generator
                allowed = None if mask.pattern == "all" else mask.allowed
                return batch_innermost.attend(query, cache.k, cache.v, allowed, bias, self.scale, rate, generator)
            if not (self.dropout.active or mapped()):
                causal = mask.pattern == "causal" and bias is None
                added = None if causal else _added(mask, bias)
                scale = 1 / self.scale
                return F.scaled_dot_product_attention(query, cache.k, cache.v, added, is_causal=causal, scale=scale)
        scores = dispatch.scores(query / self.scale, cache.k)
        scores = probe("scores", scores if bias is None else scores + bias)
        weights = probe("weights", dispatch.softmax(scores, mask.forbidden(scores.dtype), mask.answerable))
        return self.dropout(weights) @ cache.v


def _added(mask: KeyMask, bias: Tensor | None) -> Tensor | None:
    """Return the mask and bias as one tensor for the fused kernel."""
    if mask.pattern == "all":
        return bias
    return mask.allowed if bias is None else bias.masked_fill(~mask.allowed, float("-inf"))


class SelfAttention(MultiHead):
    """See :class:`AttentionSpec`."""

    def __init__(self, spec: AttentionSpec, width: int, dropout: float) -> None:
        super().__init__(width, spec.heads, spec.scale, spec.linear, dropout)
        self.mask = spec.mask

    def forward(
        self, x: Float[Tensor, "b t d"], at: StackPositions, state: KVCache | None, probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], KVCache]:
        query, key, value = self.project(x, self.query, self.key, self.value)
        new = KVCache(probe("keys", at.own.queries.rotate(key)), probe("values", value))
        cache = new if state is None else state.append(new)
        query = probe("queries", at.own.queries.rotate(query))
        bias = at.own.bias(self.heads, x.dtype)
        return self.attend(query, cache, at.own.mask(self.mask), bias, probe), cache


class CrossAttention(MultiHead):
    """See :class:`CrossAttentionSpec`."""

    def start(self, source: Encoded | None, probe: Probe = SILENT) -> SourceCache:
        if source is None:
            raise SeqwrightError("cross-attention needs a source", fix="give one, or leave the block's cross part out")
        key, value = self.project(source.x, self.key, self.value)
        return SourceCache(KVCache(probe("keys", source.positions.rotate(key)), probe("values", value)))

    def forward(
        self, x: Float[Tensor, "b t d"], at: StackPositions, state: SourceCache, probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], SourceCache]:
        assert at.across is not None, "the state holds a source"
        (query,) = self.project(x, self.query)
        query = probe("queries", at.across.queries.rotate(query))
        bias = at.across.bias(self.heads, x.dtype)
        return self.attend(query, state.source, at.across.mask(NoMask()), bias, probe), state


class AttentionSpec(Spec, Mixer):
    """Scaled dot-product self-attention in several heads (Vaswani et al. 2017, eq. 1 and §3.2.2).

    ``softmax(q kᵀ / scale) v`` in each of ``heads`` slices of the width, over the keys that ``mask`` allows; ``scale`` depends
    on the slice's width c and is √c by default. Padding is never allowed. In-projections start as
    ``torch.nn.MultiheadAttention``'s packed one: U(±√(6/4d)), biases 0.
    """

    heads: Count = 1
    mask: Mask = NoMask()
    scale: Scale = RootScale()
    linear: LinearMap = LinearSpec()

    @property
    def causal(self) -> bool:
        return self.mask.causal

    def build(self, width: int, dropout: float) -> SelfAttention:
        return SelfAttention(self, width, dropout)

    def flops(self, width: int, length: int) -> int:
        return 8 * width**2 + 4 * length * width


class CrossAttentionSpec(Spec, Mixer):
    """Attention from a target's tokens to the encoded source (Vaswani et al. 2017, §3.2.3); see :class:`AttentionSpec`."""

    heads: Count = 1
    scale: Scale = RootScale()
    linear: LinearMap = LinearSpec()

    @property
    def causal(self) -> bool:
        return True

    def build(self, width: int, dropout: float) -> CrossAttention:
        return CrossAttention(width, self.heads, self.scale, self.linear, dropout)

    def flops(self, width: int, length: int) -> int:
        return 8 * width**2 + 4 * length * width
