"""What a run of our own brings to its examination: rows that it was to learn, and the loss that it learnt them by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import Tokens
from seqwright.data.corpus import Corpus
from seqwright.data.text import TextCorpus, TextVocabulary
from seqwright.doctor.adapters import Native
from seqwright.doctor.calling import places
from seqwright.doctor.contract import Contract
from seqwright.models.transformer import Transformer
from seqwright.runs.compatibility import stretch_length
from seqwright.runs.run import Run

ROWS = 32
"""So many rows are examples."""
LONGEST = 64
"""So many tokens a stretch of text has, at most."""


def promised(run: Run) -> Contract | None:
    """What a run promises beyond what is read off its model: running text has no end, though its vocabulary has a symbol for it."""
    return msgspec.structs.replace(Native(run.model).contract(), eos=None) if run.continues else None


def brought(run: Run) -> dict[str, Any]:
    """``loss`` and ``examples``; nothing where its rows are no longer to be had."""
    source = run.manifest.source
    path = Path(source.dev or source.path)
    if not path.is_absolute() and not path.exists():
        path = run.path / path
    try:
        examples = _stretches(run, path) if run.continues else _pairs(run, path)
    except SeqwrightError:
        return {}
    return {"loss": _loss(run), "examples": examples}


def _pairs(run: Run, path: Path) -> dict[str, Tensor]:
    """The first dev rows, or training rows where dev rows were held out of these, framed as in training."""
    pairs = [run.vocabulary.known_pair(pair) for pair in islice(Corpus.read(path, run.reading), ROWS)]
    batch, pad = run.vocabulary.batch(pairs), run.vocabulary.pad
    ended = [[run.vocabulary.start, *(each for each in labels if each != pad)] for labels in batch.labels.tolist()]
    assert batch.source is not None
    return {"source": batch.source.ids, "target": Tokens.of(ended, pad=pad).ids}


def _stretches(run: Run, path: Path) -> dict[str, Tensor]:
    """The beginning of the text, cut into rows."""
    assert isinstance(run.vocabulary, TextVocabulary)
    corpus = TextCorpus.read(path, run.reading)
    ids = run.vocabulary.encode_text(corpus.symbols, corpus.ids)
    length = min(stretch_length(run.manifest.recipe), LONGEST, len(ids))
    rows = max(1, min(ROWS, len(ids) // length))
    return {"ids": torch.from_numpy(ids[: rows * length].astype("int64")).view(rows, length)}


def _loss(run: Run) -> Any:
    """The run's own objective, on rows that hold both what goes in and what is to come out."""
    objective, pad = run.manifest.recipe.training.objective, run.vocabulary.pad

    def loss(model: Transformer, examples: Mapping[str, Tensor]) -> Tensor:
        target = examples["ids"] if "ids" in examples else examples["target"]
        source = examples.get("source")
        read, labels = target[:, :-1], target[:, 1:]
        given = None if source is None else Tokens(source, places(source, source != pad))
        output, _ = model(Tokens(read, places(read, read != pad)), given)
        return objective.total(output, labels) / objective.count(labels)

    return loss
