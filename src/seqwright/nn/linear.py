"""Linear layers with explicit initialisation bounds, and the adapters that may be added to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.nn.adapter import Adapter
from seqwright.nn.kernels import dispatch


class Linear(nn.Module):
    """``y = x Wᵀ + b``, both drawn uniformly within given bounds, plus an adapter's output where there is one.

    Args:
        inputs, outputs: widths.
        bound: weights start in U(−bound, bound); ``1/√inputs`` if left out, as ``torch.nn.Linear`` does.
        bias_bound: the same for the bias.
        bias: whether there is one.
        adapter: an addition to the output.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bound: float | None = None,
        bias_bound: float | None = None,
        bias: bool = True,
        adapter: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.adapter = adapter
        self.bound = inputs**-0.5 if bound is None else bound
        self.bias_bound = inputs**-0.5 if bias_bound is None else bias_bound

    def reset(self, generator: torch.Generator) -> None:
        """Draw the parameters anew."""
        nn.init.uniform_(self.weight, -self.bound, self.bound, generator=generator)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -self.bias_bound, self.bias_bound, generator=generator)

    def forward(self, x: Float[Tensor, "b t i"]) -> Float[Tensor, "b t o"]:
        y = dispatch.linear(x, self.weight, self.bias)
        return y if self.adapter is None else y + self.adapter(x)


class LinearMap(Place):
    """A kind of linear layer."""

    __slots__ = ()

    @abstractmethod
    def build(
        self, inputs: int, outputs: int, *, bound: float | None = None, bias_bound: float | None = None
    ) -> nn.Module:
        """Build the module; the bounds are those of :class:`Linear`."""


class LinearSpec(Spec, LinearMap):
    """An affine map, with or without a bias, and with an adapter that is trained in its place."""

    bias: bool = True
    adapter: Adapter | None = None

    def build(
        self, inputs: int, outputs: int, *, bound: float | None = None, bias_bound: float | None = None
    ) -> Linear:
        adapter = self.adapter and self.adapter.build(inputs, outputs)
        return Linear(inputs, outputs, bound=bound, bias_bound=bias_bound, bias=self.bias, adapter=adapter)


def side_by_side(x: Float[Tensor, "b t i"], maps: Sequence[nn.Module]) -> Sequence[Float[Tensor, "b t o"]]:
    """Apply several linear maps to the same vectors.

    Where gradients are wanted that is one product with all their weights side by side: concatenating these costs less than
    two products more, forward and back. A step of decoding, of a few rows, would cost more.
    """
    plain = [part for part in maps if type(part) is Linear and part.bias is not None and part.adapter is None]
    if len(maps) == 1 or len(plain) < len(maps) or not torch.is_grad_enabled():
        return [part(x) for part in maps]
    weight = torch.cat([part.weight for part in plain])
    bias = torch.cat([part.bias for part in plain])  # pyright: ignore[reportArgumentType, reportCallIssue]
    return dispatch.linear(x, weight, bias).split([len(part.weight) for part in plain], -1)


def xavier(inputs: int, outputs: int) -> float:
    """Return the bound √(6 / (inputs + outputs)) of Glorot and Bengio 2010, eq. 16."""
    return (6 / (inputs + outputs)) ** 0.5
