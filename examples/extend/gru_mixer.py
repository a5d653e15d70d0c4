r"""A mixer that is recurrent: a gated recurrent unit in the place of self-attention (Cho et al. 2014).

    seqwright --import examples/extend/gru_mixer.py train --text examples/data/shakespeare.txt --out recurrent \
        --set model.decoder.blocks.mixer=GRUMixer --set 'model.decoder.position={"type":"NoPosition"}'

A recurrence knows the order of its tokens, so the model needs no positions, and it reads texts of any length.
"""

from torch import Tensor

from seqwright.core.probe import SILENT, Probe
from seqwright.core.spec import Spec
from seqwright.nn.attention_positions import StackPositions
from seqwright.nn.mixer import Mixer, SequenceMixer
from seqwright.nn.recurrence import GRUCell, RecurrentState


class GRUMixer(Spec, Mixer):
    """A gated recurrent unit over a stack's own tokens."""

    @property
    def causal(self) -> bool:
        return True

    def build(self, width: int, dropout: float) -> SequenceMixer:
        return Recurrence(width)

    def flops(self, width: int, length: int) -> int:
        return 12 * width**2  # three gates, each of two maps


class Recurrence(SequenceMixer):
    """See :class:`GRUMixer`. Its state is the hidden vectors after each token; padding passes by."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = GRUCell(width, width)

    def forward(
        self, x: Tensor, at: StackPositions, state: RecurrentState | None, probe: Probe = SILENT
    ) -> tuple[Tensor, RecurrentState]:
        before = RecurrentState.zeros(x) if state is None else state
        after = before.read(self.cell, x, at.at >= 0)
        return probe("hidden", after.after(x.shape[1])), after
