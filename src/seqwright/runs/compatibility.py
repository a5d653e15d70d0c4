"""Whether a recipe fits its data: everything that would go wrong later is said before anything is written."""

from __future__ import annotations

import sys

import numpy as np
import torch

from seqwright.core.errors import SeqwrightError
from seqwright.data.batching import RandomStretches
from seqwright.data.corpus import Corpus
from seqwright.data.vocabulary import BareSources, Vocabulary
from seqwright.models.transformer import TransformerSpec
from seqwright.nn.embedding import SymbolHead, TokenEmbedding
from seqwright.runs.recipe import Recipe
from seqwright.training.objective import CrossEntropy


def check_pairs(recipe: Recipe, train: Corpus, dev: Corpus, vocabulary: Vocabulary) -> None:
    """A recipe for pairs.

    Raises:
        SeqwrightError: a part does not fit the data, or a row is longer than the model's positions.
    """
    model = recipe.model
    if model.encoder is None or model.decoder.each()[0].cross is None:
        raise SeqwrightError(
            "pairs need an encoder, and a decoder with cross_attention",
            fix="leave model.encoder in, or train on --text",
        )
    if isinstance(recipe.batching, RandomStretches):
        raise SeqwrightError("batching=RandomStretches is for running text", fix='give {"type": "TokenBatches", …}')
    _check_parts(recipe, vocabulary)
    marks = {"source": len(vocabulary.source(())), "target": 1}
    for corpus in (train, dev):
        for stack, lengths, side in zip(
            (model.encoder, model.decoder), corpus.lengths(), ("source", "target"), strict=True
        ):
            longest = int(lengths.max()) + marks[side]
            places = stack.position.max_length
            if places is not None and longest > places:
                raise SeqwrightError(
                    f"row {int(np.argmax(lengths)) + 1} has a {side} of {longest} tokens, and the model has"
                    f" {places} positions",
                    where=corpus.where,
                    fix=f"give {type(stack.position).__name__} a greater length, use RotaryPosition, or leave such rows out",
                )


def check_text(recipe: Recipe, vocabulary: Vocabulary) -> None:
    """A recipe for running text.

    Raises:
        SeqwrightError: a part does not fit the text.
    """
    if recipe.model.encoder is not None or recipe.model.decoder.each()[0].cross is not None:
        raise SeqwrightError("running text has no sources to encode", fix="leave encoder and cross_attention out")
    if not isinstance(recipe.sources, BareSources):
        raise SeqwrightError("running text has no sources to mark", fix="leave sources as it is")
    if recipe.evaluation.by == "exact_match":
        raise SeqwrightError("running text has no answers to match", fix="leave evaluation.by as it is")
    if stretch_length(recipe) > most_said(recipe.model):
        raise SeqwrightError(
            f"batching.length={stretch_length(recipe)} is more than the model's {most_said(recipe.model)} positions",
            fix=f"--set model.decoder.position.length={stretch_length(recipe)} as well",
        )
    _check_parts(recipe, vocabulary)


def stretch_length(recipe: Recipe) -> int:
    """How many tokens of running text a model reads at once.

    Raises:
        SeqwrightError: the recipe does not say.
    """
    if not isinstance(recipe.batching, RandomStretches):
        raise SeqwrightError(
            f"batching={type(recipe.batching).__name__} is for pairs",
            fix='give {"type": "RandomStretches", "rows": 12, "length": 64}',
        )
    return recipe.batching.length


def most_said(model: TransformerSpec) -> int:
    """How many tokens a decoder can stand after one another."""
    places = model.decoder.position.max_length
    return sys.maxsize if places is None else places


def _check_parts(recipe: Recipe, vocabulary: Vocabulary) -> None:
    model, objective = recipe.model, recipe.training.objective
    wanted = {
        "model.embedding": TokenEmbedding,
        "model.head": SymbolHead,
        "training.objective": CrossEntropy,
    }
    for (path, kind), part in zip(wanted.items(), (model.embedding, model.head, objective), strict=True):
        if not isinstance(part, kind):
            raise SeqwrightError(f"{path}={type(part).__name__} is not for symbols", fix=f"give a {kind.__name__}")
    assert isinstance(model.embedding, TokenEmbedding), "checked above"
    assert isinstance(model.head, SymbolHead), "checked above"
    assert isinstance(objective, CrossEntropy), "checked above"
    for path, value, follows in (
        ("model.embedding.vocabulary", model.embedding.vocabulary, vocabulary.size),
        ("model.head.outputs", model.head.outputs, vocabulary.outputs),
        ("training.objective.ignore", objective.ignore, vocabulary.pad),
    ):
        if value != follows:
            raise SeqwrightError(f"{path}={value}: the data makes it {follows}", fix="leave it as it is")
    with torch.device("meta"):
        model.checked().build()  # whatever its parts have to say, they say now
