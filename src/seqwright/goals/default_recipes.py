"""Default recipes by the amount of data; ``--set`` changes every part of them.

The rule for pairs starts from what works on small transductions (Wu, Cotterell and Hulden 2021: pre-norm, label smoothing 0.1,
clipping at 1, weights chosen by dev accuracy). Measurements changed it (`benchmarks/README.md`): rotary positions, also in
cross-attention, and sources between START and END, without which such positions do not show where a word ends; a higher rate
that falls along a cosine; a moving average of the weights.
"""

from __future__ import annotations

from seqwright.core.spec import Spec, vary
from seqwright.data.batching import RandomStretches, TokenBatches
from seqwright.data.vocabulary import Vocabulary
from seqwright.goals.goal import Goal
from seqwright.goals.recipe import Evaluation, Recipe
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.attention import AttentionSpec, CrossAttentionSpec
from seqwright.nn.block import BlockSpec
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.nn.feedforward import GELU, FeedForwardSpec
from seqwright.nn.mask import CausalMask
from seqwright.nn.position import LearnedPosition, RotaryPosition
from seqwright.nn.stack import StackSpec
from seqwright.training.averaging import MovingAverage
from seqwright.training.objective import CrossEntropy
from seqwright.training.optimiser import Adam
from seqwright.training.schedule import WarmupCosine
from seqwright.training.trainer import TrainingSpec


class ModelSize(Spec):
    """The size of a transformer and its training, with ``rows`` rows a batch on average."""

    width: int
    layers: int
    dropout: float
    rate: float
    rows: int
    passes: int

    @classmethod
    def of(cls, rows: int) -> ModelSize:
        """Return the size for a number of training rows: narrow and deep; wider and with less dropout the more there are.

        >>> ModelSize.of(800)
        ModelSize(width=64, layers=4, dropout=0.2, rate=0.005, rows=32, passes=100)
        """
        if rows < 3_000:
            return cls(width=64, layers=4, dropout=0.2, rate=0.005, rows=32, passes=100)
        if rows < 30_000:
            return cls(width=128, layers=4, dropout=0.2, rate=0.002, rows=64, passes=50)
        return cls(width=256, layers=4, dropout=0.1, rate=0.001, rows=256, passes=30)


HEADS = 4
EVALUATIONS = 25
LEAST_STEPS = 1_000

CHUNK = 64
"""The number of tokens of running text that a model reads at once."""


def pair_recipe(goal: Goal, rows: int, symbols_per_row: float, vocabulary: Vocabulary) -> Recipe:
    """Return a model for pairs and its training.

    Args:
        goal: the goal of the recipe.
        rows: the number of training rows.
        symbols_per_row: the mean number of tokens of a row, both sides together.
        vocabulary: the symbols.
    """
    size = ModelSize.of(rows)
    steps, deviation = max(LEAST_STEPS, size.passes * rows // size.rows), size.width**-0.5
    block = BlockSpec(
        feedforward=FeedForwardSpec(inner=4 * size.width), mixer=AttentionSpec(heads=HEADS), dropout=size.dropout
    )
    side = StackSpec(blocks=block, layers=size.layers, position=RotaryPosition(), embedding_dropout=0.2)
    model = TransformerSpec(
        width=size.width,
        embedding=TokenEmbedding(vocabulary=vocabulary.size, deviation=deviation),
        source_embedding=None if vocabulary.shared else TokenEmbedding(vocabulary.source_size, deviation=deviation),
        head=SymbolHead(outputs=vocabulary.outputs),
        encoder=side,
        decoder=vary(
            side,
            {
                "blocks.mixer.mask": CausalMask(),
                "blocks.cross": CrossAttentionSpec(heads=HEADS),
                "cross_position": RotaryPosition(),
            },
        ),
    )
    training = TrainingSpec(
        steps=steps,
        rate=size.rate,
        schedule=WarmupCosine(floor=0.01),
        objective=CrossEntropy(ignore=vocabulary.pad, smoothing=0.1),
        optimiser=Adam(beta2=0.98),
        clip=1.0,
    )
    return Recipe(
        goal=goal,
        model=model,
        training=training,
        batching=TokenBatches(tokens=max(64, round(size.rows * symbols_per_row))),
        evaluation=Evaluation(every=steps // EVALUATIONS, patience=10),
        averaging=MovingAverage(decay=1 - 5 / steps),
    )


def text_recipe(goal: Goal, vocabulary: Vocabulary) -> Recipe:
    """Return nanoGPT's recipe for characters on a CPU (karpathy/nanoGPT, README): 4 layers, 4 heads, width 128, 2,000 steps.

    nanoGPT initialises smaller weights and ties the output layer to the embedding; this recipe does not.
    """
    width = 128
    block = BlockSpec(
        feedforward=FeedForwardSpec(inner=4 * width, activation=GELU()),
        mixer=AttentionSpec(heads=4, mask=CausalMask()),
        dropout=0.0,
    )
    stack = StackSpec(blocks=block, layers=4, position=LearnedPosition(length=CHUNK))
    return Recipe(
        goal=goal,
        model=TransformerSpec(
            width=width,
            embedding=TokenEmbedding(vocabulary=vocabulary.size, deviation=0.02 * width**-0.5),
            head=SymbolHead(outputs=vocabulary.outputs),
            decoder=stack,
        ),
        training=TrainingSpec(
            steps=2_000,
            rate=0.001,
            schedule=WarmupCosine(warmup=0.05, floor=0.1),
            objective=CrossEntropy(ignore=vocabulary.pad),
            optimiser=Adam(beta2=0.99, decay=0.1),
            clip=1.0,
        ),
        batching=RandomStretches(rows=12, length=CHUNK),
        evaluation=Evaluation(every=500, by="loss", patience=10),
    )


TEXT_RECIPES = {
    "nanogpt-cpu": {},
    "nanogpt-gpu": {
        "model.width": 384,
        "model.embedding.deviation": 0.02 * 384**-0.5,
        "model.decoder.layers": 6,
        "model.decoder.blocks.mixer.heads": 6,
        "model.decoder.blocks.feedforward.inner": 1536,
        "model.decoder.blocks.dropout": 0.2,
        "model.decoder.embedding_dropout": 0.2,
        "model.decoder.position.length": 256,
        "training.steps": 5_000,
        "training.schedule.warmup": 0.02,
        "batching.rows": 64,
        "batching.length": 256,
    },
}
"""Named recipes for running text, as edits of :func:`text_recipe`."""
