"""What a run of our own brings to its examination: rows that it was to learn, and the loss that it learnt them by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.tokens import Tokens
from seqwright.doctor.adapters import Native
from seqwright.doctor.calling import places
from seqwright.doctor.contract import Contract
from seqwright.models.transformer import Transformer
from seqwright.runs.run import Run

ROWS = 32
"""So many rows are examples."""
LONGEST = 64
"""So many tokens a stretch of text has, at most."""


def promised(run: Run) -> Contract | None:
    """Return the contract of a run's model where its goal decides more of it than is read off the model."""
    fields = run.goal.contract(run.vocabulary)
    return msgspec.structs.replace(Native(run.model).contract(), **fields) if fields else None


def brought(run: Run) -> dict[str, Any]:
    """Return ``loss`` and ``examples``; nothing where the run's data can no longer be read."""
    source = run.manifest.source
    path = Path(source.dev or source.path)
    if not path.is_absolute() and not path.exists():
        path = run.path / path
    try:
        return {"loss": _loss(run), "examples": run.goal.example_rows(run, path, ROWS, LONGEST)}
    except SeqwrightError:
        return {}


def _loss(run: Run) -> Any:
    """The run's own objective, on rows that hold both what goes in and what is to come out."""
    objective, pad = run.manifest.recipe.training.objective, run.vocabulary.pad

    def loss(model: Transformer, examples: Mapping[str, Tensor]) -> Tensor:
        target = examples["ids"] if "ids" in examples else examples["target"]
        source = examples.get("source")
        read, labels = run.goal.inputs_and_labels(target, run.vocabulary)
        given = None if source is None else Tokens(source, places(source, source != pad))
        output, _ = model(Tokens(read, places(read, read != pad)), given)
        return objective.total(output, labels) / objective.count(labels)

    return loss
