"""The ladder: a transformer built up part by part, on the sequences of arXiv 2502.19597 or on your own.

Five rungs, each the one below and one part more, with the paper's settings throughout: width 8, one head, one layer a
side, feed-forward 8, pre-norm, dropout 0.1, Adam at 0.01, all rows in every batch. Beside them are controls: a rung
with one thing changed, which show whether the part a rung adds is the part that made the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqwright.core.model import ModelSpec
from seqwright.core.spec import vary
from seqwright.data.batching import FullBatch
from seqwright.data.scalars import Scalars
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import encoder_decoder
from seqwright.nn.attention import CrossAttentionSpec
from seqwright.nn.block import BlockSpec
from seqwright.nn.embedding import (
    LinearScalarEmbedding,
    ScalarEmbedding,
    ScalarHead,
    SymbolHead,
    TokenEmbedding,
    VectorHead,
)
from seqwright.nn.feedforward import FeedForwardSpec
from seqwright.nn.mask import CausalMask, NoMask
from seqwright.nn.norm import NoNorm
from seqwright.nn.padding import OrdinaryPadding
from seqwright.nn.position import NoPosition
from seqwright.nn.position_embedding import SinusoidalPosition
from seqwright.nn.residual import PreNormResidual
from seqwright.nn.stack import StackSpec
from seqwright.studies.cell import Cell
from seqwright.studies.data import Exam, TaskData
from seqwright.studies.model_scale import DECODER_MASK, RESIDUAL, both_sides, every_attention
from seqwright.tasks.paper import ALTERNATING, COPIES, EIGHT, EIGHT_INVERTED, ONE_TO_THREE, THREE_TO_ONE, PairSet
from seqwright.training.objective import CrossEntropy, MeanSquaredError
from seqwright.training.schedule import RateDrop
from seqwright.training.trainer import TrainingSpec

RUNGS = {
    "plain": "encoder and decoder of width 1 on the scalars themselves; squared error; no START, no END",
    "token": "an embedding, an un-embedding, START and END; cross-entropy",
    "masked": "the causal mask: a target position attends to itself and to what is before it",
    "positions": "sinusoidal positions, added to the embeddings, with dropout on the sum",
    "padding": "sequences of unequal length in one batch; PAD is masked in all three attentions and not in the loss",
}
"""The rungs, each with what it adds to the one before."""

BITS = Vocabulary(("0", "1"))

LAYER = StackSpec(blocks=BlockSpec(feedforward=FeedForwardSpec(inner=8)))
PLAIN = encoder_decoder(1, ScalarEmbedding(), LAYER, CrossAttentionSpec(), VectorHead())
WITHOUT_PAD = TokenEmbedding(vocabulary=BITS.outputs)  # no rung before the last one pads
TOKEN = vary(PLAIN, {"width": 8, "embedding": WITHOUT_PAD, "head": SymbolHead(outputs=BITS.outputs)})
MASKED = vary(TOKEN, {DECODER_MASK: CausalMask()})
POSITIONS = vary(MASKED, {**both_sides("position", SinusoidalPosition()), **both_sides("embedding_dropout", 0.1)})
PADDING = vary(POSITIONS, {"embedding": TokenEmbedding(vocabulary=BITS.size)})

BARE = {**both_sides(RESIDUAL, PreNormResidual(norm=NoNorm())), **both_sides("final_norm", NoNorm())}
"""No normalisation anywhere."""


def lifted(width: int) -> dict[str, Any]:
    """Return edits that lift the scalar to a width by one affine map and bring it back by another."""
    return {"width": width, "embedding": LinearScalarEmbedding(), "head": ScalarHead()}


PLAIN_CONTROLS: dict[str, dict[str, Any]] = {
    "no-norm": BARE,
    "scalar-width-2": lifted(2),
    "scalar-width-4": lifted(4),
    "scalar-width-8": lifted(8),
}


def padding_controls(vocabulary: Vocabulary) -> dict[str, dict[str, Any]]:
    """Return the last rung's controls, as edits; ``pad-in-loss`` also trains differently (:func:`_pad_in_loss`)."""
    return {
        "no-causal-mask": {DECODER_MASK: NoMask()},
        "no-positions": both_sides("position", NoPosition()),
        "no-padding-masks": {"padding": OrdinaryPadding()},
        "pad-in-loss": {"head": SymbolHead(outputs=vocabulary.size)},
        "embedding-width-1": {**every_attention("heads", 1), "width": 1},
    }


def _paper(rung: str, spec: ModelSpec, task: PairSet, steps: int, drop: int | None) -> Cell:
    coder = Scalars() if rung == "plain" else BITS
    objective = MeanSquaredError() if rung == "plain" else CrossEntropy(ignore=BITS.pad)
    training = TrainingSpec(steps=steps, objective=objective)
    if drop is not None:
        training = vary(training, {"schedule": RateDrop(at=drop)})
    data = TaskData(task.name, tuple(task.rows()), (Exam("all", task.pairs),), coder)
    return Cell(rung, "paper", spec, training, FullBatch(), data, padding=rung == "padding")


def controls(base: Cell, edits: Mapping[str, dict[str, Any]]) -> list[Cell]:
    """Return copies of a cell with one thing changed at a time."""
    spec: Any = base.spec  # every family is a Spec too, which can be varied
    cells = [replace(base, variant=variant, spec=vary(spec, edit)) for variant, edit in edits.items()]
    return [_pad_in_loss(cell) if cell.variant == "pad-in-loss" else cell for cell in cells]


def _pad_in_loss(cell: Cell) -> Cell:
    """Make padding a symbol to be predicted: the loss counts it."""
    return replace(cell, training=vary(cell.training, {"objective": CrossEntropy()}))


def paper_cells() -> list[Cell]:
    """Return the five rungs and their controls, with the paper's settings and data.

    Epochs and the epoch of the rate's drop are the paper's; a full batch makes an epoch one step.
    """
    plain = _paper("plain", PLAIN, COPIES, 300, None)
    padding = _paper("padding", PADDING, EIGHT, 2000, 1000)
    return [
        plain,
        *controls(plain, PLAIN_CONTROLS),
        _paper("token", TOKEN, THREE_TO_ONE, 1000, 100),
        _paper("token", TOKEN, ONE_TO_THREE, 1000, 100),
        _paper("token", TOKEN, COPIES, 1000, 100),
        _paper("masked", MASKED, ONE_TO_THREE, 2000, 500),
        _paper("masked", MASKED, ALTERNATING, 2000, 500),
        _paper("positions", POSITIONS, ALTERNATING, 2000, 500),
        padding,
        _paper("padding", PADDING, EIGHT_INVERTED, 2000, 1000),
        *controls(padding, padding_controls(BITS)),
    ]
