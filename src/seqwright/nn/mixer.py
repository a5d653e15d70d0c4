"""Mixers: the parts of a block through which tokens influence one another, such as attention or a recurrence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from seqwright.core.place import Place
from seqwright.core.probe import SILENT, Probe
from seqwright.nn.attention_positions import StackPositions, TokenPositions


@dataclass(frozen=True)
class Encoded:
    """An encoded source.

    Attributes:
        x: ``[b s d]``.
        positions: its tokens' positions, with the rotations of cross-attention.
        unpadded: whether no token of it is known to be padding.
    """

    x: Float[Tensor, "b s d"]
    positions: TokenPositions
    unpadded: bool


class SequenceMixer(nn.Module, ABC):
    """The module of a mixer; its layer's state is a value that is handed in and out, with ``select`` and ``rewind``."""

    def start(self, source: Encoded | None, probe: Probe = SILENT) -> Any:
        """Return the state before the first token: what is computed from the source alone, or ``None`` for nothing."""
        return None

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "b t d"], at: StackPositions, state: Any, probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], Any]:
        """Mix new tokens with those read before; return their vectors and the state after them.

        A mixer may read the source inside its own loop: it then keeps what it needs of it in the state from ``start`` on.
        """


class Mixer(Place):
    """A kind of mixer."""

    __slots__ = ()

    @property
    @abstractmethod
    def causal(self) -> bool:
        """True if a token's output is independent of the tokens after it."""

    heads: int = 0
    """The number of attention heads, on which positions may depend; 0 for mixers without any."""

    reads_source: bool = False
    """True if it reads the source although it is not a block's ``cross``."""

    @abstractmethod
    def build(self, width: int, dropout: float) -> SequenceMixer:
        """Build the module."""

    @abstractmethod
    def flops(self, width: int, length: int) -> int:
        """Return the floating-point operations for one token among ``length``."""
