"""What the models of a study have in common: how large they are, how long they train, and on how much."""

from __future__ import annotations

from collections.abc import Sequence

from seqwright.core.spec import Above, Count, Rate, Spec, vary
from seqwright.data.batch import Pair
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.attention import AttentionSpec, CrossAttentionSpec
from seqwright.nn.block import BlockSpec
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.nn.feedforward import FeedForwardSpec
from seqwright.nn.mask import CausalMask, NoMask
from seqwright.nn.position import SinusoidalPosition
from seqwright.nn.stack import StackSpec
from seqwright.studies.ladder.on_file import BATCH, LadderSize
from seqwright.training.objective import CrossEntropy
from seqwright.training.schedule import WarmupCosine
from seqwright.training.trainer import TrainingSpec


class ModelScale(Spec):
    """The size of everything in a study.

    Attributes:
        width, heads, layers: of each side of a model; the feed-forward is twice as wide.
        dropout: none for tasks whose rows never run out.
        steps, rate, batch: of training.
        train, test: rows of each task to train on, and to ask.
        lengths: the shortest and longest row to train on; a task that begins later begins where it does.
    """

    width: Count = 16
    heads: Count = 2
    layers: Count = 2
    dropout: Rate = 0.0
    steps: Count = 500
    rate: Above = 0.01
    batch: Count = 32
    train: Count = 4000
    test: Count = 100
    lengths: tuple[int, int] = (2, 8)

    @classmethod
    def of(cls, pairs: Sequence[Pair], *, quick: bool = False) -> ModelScale:
        """The ladder's rule for a file (:meth:`Size.of`), with two layers, so that depth is a part that can go."""
        size = LadderSize.of(pairs)
        return cls(
            width=size.width,
            heads=size.heads,
            dropout=0.1,
            steps=min(400, size.steps) if quick else size.steps,
            rate=0.005,
            batch=BATCH,
            test=60 if quick else 200,
        )

    def spec(self, vocabulary: Vocabulary) -> TransformerSpec:
        """The whole model, which every part is taken from and added to: the paper's last rung, a size larger."""
        block = BlockSpec(
            feedforward=FeedForwardSpec(inner=2 * self.width),
            mixer=AttentionSpec(heads=self.heads, mask=CausalMask()),
            cross=CrossAttentionSpec(heads=self.heads),
            dropout=self.dropout,
        )
        decoder = StackSpec(blocks=block, layers=self.layers, position=SinusoidalPosition())
        return TransformerSpec(
            width=self.width,
            embedding=TokenEmbedding(vocabulary=vocabulary.size, deviation=self.width**-0.5),
            encoder=vary(decoder, {"blocks.mixer.mask": NoMask(), "blocks.cross": None}),
            decoder=decoder,
            head=SymbolHead(outputs=vocabulary.outputs),
        )

    def training(self, vocabulary: Vocabulary) -> TrainingSpec:
        """How every model is trained."""
        return TrainingSpec(
            steps=self.steps,
            rate=self.rate,
            schedule=WarmupCosine(),
            objective=CrossEntropy(ignore=vocabulary.pad),
            clip=1.0,
        )
