"""The noise of dropout: cheap, exact, and from a generator one can name."""

from __future__ import annotations

import torch
from torch import Tensor


def kept(x: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """0 with probability ``rate`` and 1/(1 − rate) otherwise, in the shape and memory order of ``x``.

    The draw is 16 bits an element, four to a 64-bit number: the rate is met to within 2⁻¹⁷, the mean is kept exactly,
    and drawing is several times faster than one Bernoulli variable an element. The same draws fall on the same
    addresses, so two tensors of one memory order get the same noise, whatever computed them.
    """
    dropped = round(rate * 65536)  # of the 65,536 values that 16 bits take
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    bits = bits.random_(-(2**63), None, generator=generator).view(torch.int16)[: x.numel()]
    noise = torch.empty(x.numel(), dtype=x.dtype, device=x.device)
    torch.ge(bits, dropped - 32768, out=noise)  # written as numbers at once: a Bool in between costs four times as much
    return like(noise.mul_(65536 / (65536 - dropped)), x)


def like(flat: Tensor, x: Tensor) -> Tensor:
    """``flat [n]`` in the shape and memory order of ``x``, so that the two can be multiplied in one straight run."""
    order = sorted(range(x.dim()), key=lambda dimension: -x.stride(dimension))
    inverse = [order.index(dimension) for dimension in range(x.dim())]
    return flat.view([x.shape[dimension] for dimension in order]).permute(inverse)
