"""An affine map whose initial range its owner states."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.nn.kernels import dispatch


class Linear(nn.Module):
    """``y = x Wᵀ + b``, both drawn uniformly within stated bounds.

    Args:
        inputs, outputs: widths.
        bound: weights start in U(−bound, bound); ``1/√inputs`` if left out, as ``torch.nn.Linear`` does.
        bias_bound: the same for the bias.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bound: float | None = None, bias_bound: float | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.bound = inputs**-0.5 if bound is None else bound
        self.bias_bound = inputs**-0.5 if bias_bound is None else bias_bound

    def reset(self, generator: torch.Generator) -> None:
        """Draw the parameters anew."""
        nn.init.uniform_(self.weight, -self.bound, self.bound, generator=generator)
        nn.init.uniform_(self.bias, -self.bias_bound, self.bias_bound, generator=generator)

    def forward(self, x: Float[Tensor, "b t i"]) -> Float[Tensor, "b t o"]:
        return dispatch.linear(x, self.weight, self.bias)


def side_by_side(x: Float[Tensor, "b t i"], parts: Sequence[Linear]) -> Sequence[Float[Tensor, "b t o"]]:
    """What each of several maps makes of the same vectors.

    Where gradients are wanted that is one product with all their weights side by side: laying these together costs less than
    two products more, forward and back. A step of decoding, of a few rows, would cost more.
    """
    if len(parts) == 1 or not torch.is_grad_enabled():
        return [part(x) for part in parts]
    weight, bias = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
    return dispatch.linear(x, weight, bias).split([len(part.bias) for part in parts], -1)


def xavier(inputs: int, outputs: int) -> float:
    """The bound √(6 / (inputs + outputs)) of Glorot and Bengio 2010, eq. 16."""
    return (6 / (inputs + outputs)) ** 0.5
