"""What training, decoding and the studies know of a model, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from seqwright.core.probe import SILENT, Probe
from seqwright.core.tokens import Tokens


@dataclass(frozen=True)
class Output:
    """What a model says about the token that follows each of its inputs.

    Attributes:
        logits: ``[b t v]`` over the next symbol; from a scalar head ``[b t 1]``, the next value itself.
        extras: whatever else a kind of model has to say (a balancing loss, a halting decision), by name.
    """

    logits: Tensor
    extras: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class State(Protocol):
    """All that a model remembers of what it has read: keys and values, or a recurrent net's hidden vector."""

    def select(self, rows: Tensor) -> State:
        """The state of the given rows, in that order (as beam search reorders them)."""
        ...

    def rewind(self, length: int) -> State:
        """The state as it was when ``length`` tokens had been read."""
        ...


@runtime_checkable
class Model(Protocol):
    """A sequence model: read the source once, then tokens in as many pieces as one likes."""

    @property
    def incremental(self) -> bool:
        """Whether tokens given in pieces get the answers they would get at once (a causal decoder)."""
        ...

    def start(self, source: Tokens | None, probe: Probe = SILENT) -> Any:
        """The state before the first token."""
        ...

    def advance(self, tokens: Tokens, state: Any, probe: Probe = SILENT) -> tuple[Output, Any]:
        """Read some more tokens: what follows each of them, and the state after them."""
        ...
