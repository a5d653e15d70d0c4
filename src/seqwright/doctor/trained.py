"""What a run of our own brings to its examination: rows that it was to learn, and the loss that it learnt them by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import Tokens
from seqwright.doctor.calls import places
from seqwright.nn.transformer import Transformer
from seqwright.runs.run import Run
from seqwright.tasks.corpus import Corpus

ROWS = 32
"""So many rows are examples."""


def brought(run: Run) -> dict[str, Any]:
    """``loss`` and ``examples`` of a run of pairs; nothing where its rows are no longer to be had, or it continues text."""
    rows = None if run.continues else _rows(run)
    return {} if rows is None else {"loss": _loss(run), "examples": rows}


def _rows(run: Run) -> dict[str, Tensor] | None:
    """The first dev rows, or training rows where dev rows were held out of these, framed as in training."""
    source = run.manifest.source
    path = Path(source.dev or source.path)
    if source.dev is None and not path.is_absolute() and not path.exists():
        path = run.path / path
    try:
        pairs = [run.vocabulary.known_pair(pair) for pair in islice(Corpus.read(path, run.reading), ROWS)]
    except SeqwrightError:
        return None
    batch, pad = run.vocabulary.batch(pairs), run.vocabulary.pad
    ended = [[run.vocabulary.start, *(each for each in labels if each != pad)] for labels in batch.labels.tolist()]
    assert batch.source is not None
    return {"source": batch.source.ids, "target": Tokens.of(ended, pad=pad).ids}


def _loss(run: Run) -> Any:
    """The run's own objective, on rows that hold both what goes in and what is to come out."""
    objective, pad = run.manifest.recipe.training.objective, run.vocabulary.pad

    def loss(model: Transformer, examples: Mapping[str, Tensor]) -> Tensor:
        source, target = examples["source"], examples["target"]
        read, labels = target[:, :-1], target[:, 1:]
        given = Tokens(source, places(source, source != pad))
        output, _ = model(Tokens(read, places(read, read != pad)), given)
        return objective.total(output, labels) / objective.count(labels)

    return loss
