"""The size of the models, the training and the data of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqwright.core.model import ModelSpec
from seqwright.core.spec import Above, Count, Rate, Spec, vary
from seqwright.data.batch import Pair
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import encoder_decoder
from seqwright.nn.attention import AttentionSpec, CrossAttentionSpec
from seqwright.nn.block import BlockSpec
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.nn.feedforward import FeedForwardSpec
from seqwright.nn.mask import CausalMask
from seqwright.nn.position_embedding import SinusoidalPosition
from seqwright.nn.stack import StackSpec
from seqwright.training.objective import CrossEntropy
from seqwright.training.schedule import WarmupCosine
from seqwright.training.trainer import TrainingSpec

SIDES = ("encoder", "decoder")
CROSS_ATTENTION = "decoder.blocks.cross"
ATTENTIONS = ("encoder.blocks.mixer", "decoder.blocks.mixer", CROSS_ATTENTION)
FEEDFORWARD, RESIDUAL = "blocks.feedforward", "blocks.residual"
DECODER_MASK = "decoder.blocks.mixer.mask"
"""Paths into a transformer's spec: of its stacks, its attentions, and of parts within a stack."""


def both_sides(part: str, value: object) -> dict[str, Any]:
    """Return edits that set a part of the encoder and of the decoder."""
    return {f"{side}.{part}": value for side in SIDES}


def every_attention(field: str, value: object) -> dict[str, Any]:
    """Return edits that set a field of all three attentions."""
    return {f"{attention}.{field}": value for attention in ATTENTIONS}


def size_edits(*, width: int, layers: int, heads: int) -> dict[str, Any]:
    """Return edits that give a transformer another size; its feed-forward is twice as wide as the model."""
    sizes = {**both_sides("layers", layers), **both_sides(f"{FEEDFORWARD}.inner", 2 * width)}
    return {"width": width, **every_attention("heads", heads), **sizes}


class ModelScale(Spec):
    """The size of everything in a study.

    Attributes:
        width, heads, layers: of each side of a model; the feed-forward is twice as wide.
        dropout: none for tasks whose rows never run out.
        steps, rate, batch: of training: optimiser steps, the learning rate, rows a batch.
        train, test: the number of training rows and of test rows of each task.
        lengths: the shortest and longest training row; a task that begins later begins where it does.
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
        """Choose a size for a file: width 32 and 2 heads, from 5,000 rows on 64 and 4; 120 passes, 400 to 1,500 steps."""
        wide, batch = len(pairs) >= 5000, 64
        steps = min(1500, max(400, 120 * len(pairs) // batch))
        return cls(
            width=64 if wide else 32,
            heads=4 if wide else 2,
            dropout=0.1,
            steps=min(400, steps) if quick else steps,
            rate=0.005,
            batch=batch,
            test=60 if quick else 200,
        )

    def summary(self) -> str:
        """Describe in a line the size of the models, and how to change it."""
        layers, heads = (f"{n} {noun}{'s' * (n > 1)}" for n, noun in ((self.layers, "layer"), (self.heads, "head")))
        return (
            f"models: width {self.width}, {layers} a side, {heads}; {self.steps} steps of up to {self.batch} rows"
            " (change them with --set, such as --set width=16)"
        )

    def spec(self, vocabulary: Vocabulary) -> ModelSpec:
        """Return the whole model, which parts are taken from and added to: the paper's last rung, a size larger."""
        mixer, feedforward = AttentionSpec(heads=self.heads), FeedForwardSpec(inner=2 * self.width)
        block = BlockSpec(feedforward=feedforward, mixer=mixer, dropout=self.dropout)
        stack = StackSpec(blocks=block, layers=self.layers, position=SinusoidalPosition())
        embedding = TokenEmbedding(vocabulary=vocabulary.size, deviation=self.width**-0.5)
        cross, head = CrossAttentionSpec(heads=self.heads), SymbolHead(outputs=vocabulary.outputs)
        return vary(encoder_decoder(self.width, embedding, stack, cross, head), {DECODER_MASK: CausalMask()})

    def training(self, vocabulary: Vocabulary) -> TrainingSpec:
        """Return how every model is trained."""
        return TrainingSpec(
            steps=self.steps,
            rate=self.rate,
            schedule=WarmupCosine(),
            objective=CrossEntropy(ignore=vocabulary.pad),
            clip=1.0,
        )
