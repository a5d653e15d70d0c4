"""Rules for the tokens that an output may depend on."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Bool
from torch import Tensor

from seqwright.core.place import Place
from seqwright.core.spec import Count, Spec


class Visibility(Place):
    """The tokens that each output may depend on, at most."""

    __slots__ = ()

    @abstractmethod
    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return True where an output (row) may depend on a token (column)."""

    @property
    def window_size(self) -> int | None:
        """The number of tokens that one attention layer may read; ``None`` where the past is not limited."""
        return None

    @property
    def reach(self) -> int | None:
        """The number of earlier tokens that an output may depend on; ``None`` where it is unlimited or unknown."""
        return None


class Causal(Spec, Visibility):
    """Each output depends on its own token and on earlier ones.

    >>> Causal().allowed(2).int().tolist()
    [[1, 0], [1, 1]]
    """

    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return the lower triangle."""
        return torch.ones(length, length, dtype=torch.bool).tril()


class Bidirectional(Spec, Visibility):
    """Each output may depend on every token."""

    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return a matrix of True."""
        return torch.ones(length, length, dtype=torch.bool)


class Prefix(Spec, Visibility):
    """The first ``length`` tokens attend to one another; later ones attend to earlier ones and to themselves.

    >>> Prefix(2).allowed(3).int().tolist()
    [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    """

    length: Count

    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return the lower triangle, and the square of the prefix."""
        at = torch.arange(length)
        return (at[None] <= at[:, None]) | ((at[None] < self.length) & (at[:, None] < self.length))


class Window(Spec, Visibility):
    """Causal attention to the last ``size`` tokens, the token itself included, in each of ``layers`` layers.

    Through all layers an output depends on ``layers (size − 1)`` earlier tokens. Without ``layers`` the past is not limited.

    >>> Window(2, layers=1).allowed(3).int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """

    size: Count
    layers: Count | None = None

    @property
    def window_size(self) -> int | None:
        """``size``."""
        return self.size

    @property
    def reach(self) -> int | None:
        """``layers (size − 1)``."""
        return None if self.layers is None else (self.size - 1) * self.layers

    def allowed(self, length: int) -> Bool[Tensor, "q k"]:
        """Return a band below the diagonal."""
        at = torch.arange(length)
        distance = at[:, None] - at[None]
        return (distance >= 0) & (distance <= (length if self.reach is None else self.reach))
