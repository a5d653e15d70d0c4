"""A block: one layer of a stack, each of its parts a branch beside the residual stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from seqwright.core.probe import SILENT, Probe, within
from seqwright.core.spec import Rate, Spec
from seqwright.nn.attention import AttentionSpec
from seqwright.nn.attention_positions import StackPositions
from seqwright.nn.feedforward import FeedForward, Losses
from seqwright.nn.mixer import Encoded, Mixer
from seqwright.nn.residual import BranchConnection, PreNormResidual, Residual


@dataclass(frozen=True)
class BlockState:
    """The states of one layer's mixers; ``None`` where a part keeps nothing, or has read nothing yet."""

    mixer: Any = None
    cross: Any = None

    def select(self, rows: Int[Tensor, "r"]) -> BlockState:
        """Return the given rows, in that order."""
        return BlockState(self.mixer and self.mixer.select(rows), self.cross and self.cross.select(rows))

    def rewind(self, lengths: Int[Tensor, "b"]) -> BlockState:
        """Return the state after so many tokens of each row."""
        return BlockState(self.mixer and self.mixer.rewind(lengths), self.cross and self.cross.rewind(lengths))


class Block(nn.Module):
    """See :class:`BlockSpec`."""

    def __init__(self, spec: BlockSpec, width: int) -> None:
        super().__init__()
        connection: Callable[[], BranchConnection] = lambda: spec.residual.build(width, spec.dropout)  # noqa: E731
        self.mixer_residual, self.mixer = connection(), spec.mixer.build(width, spec.dropout)
        self.crosses, self.feeds_forward = spec.cross is not None, spec.feedforward is not None
        if spec.cross is not None:
            self.cross_residual, self.cross = connection(), spec.cross.build(width, spec.dropout)
        if spec.feedforward is not None:
            self.feedforward_residual = connection()
            self.feedforward = spec.feedforward.build(width, spec.dropout)

    def start(self, source: Encoded | None, probe: Probe = SILENT) -> BlockState:
        """Return the state before the first token."""
        cross = self.cross.start(source, within(probe, "cross")) if self.crosses else None
        return BlockState(self.mixer.start(source, within(probe, "mixer")), cross)

    def forward(
        self, x: Float[Tensor, "b t d"], at: StackPositions, state: BlockState, probe: Probe = SILENT
    ) -> tuple[Float[Tensor, "b t d"], BlockState, Losses]:
        """Return the tokens' vectors one layer on, the state after them, and auxiliary losses."""
        mixer, cross, losses = state.mixer, state.cross, {}
        y, mixer = self.mixer(self.mixer_residual.enter(x), at, mixer, within(probe, "mixer"))
        x = self.mixer_residual.connect(x, y)
        if self.crosses:
            y, cross = self.cross(self.cross_residual.enter(x), at, cross, within(probe, "cross"))
            x = self.cross_residual.connect(x, y)
        if self.feeds_forward:
            y, losses = self.feedforward(self.feedforward_residual.enter(x), at.at, within(probe, "feedforward"))
            x = self.feedforward_residual.connect(x, y)
        return probe("output", x), BlockState(mixer, cross), losses


class BlockSpec(Spec):
    """One layer (Vaswani et al. 2017, figure 1): a mixer, a mixer across to the source, and a feed-forward part.

    A decoder that reads a source has a ``cross``; without ``feedforward`` a layer is its mixers alone. ``dropout`` acts on
    attention weights, inside the feed-forward part and on each branch's output, as in ``torch.nn.Transformer``.
    """

    feedforward: FeedForward | None
    mixer: Mixer = AttentionSpec()
    cross: Mixer | None = None
    residual: Residual = PreNormResidual()
    dropout: Rate = 0.1
