"""The contract, the loss and the examples of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Model
from seqwright.doctor.adapters import NativeAdapter, with_positions
from seqwright.doctor.contract import Contract
from seqwright.runs.run import Run

ROWS = 32
"""The number of examples."""
LONGEST = 64
"""The greatest number of tokens of an example of running text."""


def contract_of(run: Run) -> Contract | None:
    """Return the contract of a run's model where its goal decides more of it than is read off the model."""
    fields = run.goal.contract(run.vocabulary)
    return msgspec.structs.replace(NativeAdapter(run.model).contract(), **fields) if fields else None


def inputs_of(run: Run) -> dict[str, Any]:
    """Return ``loss`` and ``examples``; nothing where its data can no longer be read."""
    source = run.manifest.source
    path = Path(source.dev or source.path)
    if not path.is_absolute() and not path.exists():
        path = run.path / path
    try:
        return {"loss": _loss(run), "examples": run.goal.example_rows(run, path, ROWS, LONGEST)}
    except SeqwrightError:
        return {}


def _loss(run: Run) -> Any:
    """Return the run's own objective as a loss of rows that are both input and labels."""
    objective, pad = run.manifest.recipe.training.objective, run.vocabulary.pad
    source_pad = run.vocabulary.source.pad

    def loss(model: Model, examples: Mapping[str, Tensor]) -> Tensor:
        target = examples["ids"] if "ids" in examples else examples["target"]
        source = examples.get("source")
        inputs, labels = run.goal.inputs_and_labels(target, run.vocabulary)
        state = model.start(None if source is None else with_positions(source, source != source_pad))
        output, _ = model.advance(with_positions(inputs, inputs != pad), state)
        return objective.total(output, labels) / objective.count(labels)

    return loss
