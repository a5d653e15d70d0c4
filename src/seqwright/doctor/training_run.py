"""The contract, the loss and the examples of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from seqwright.core.errors import SeqwrightError
from seqwright.core.model import Model
from seqwright.core.tokens import Tokens
from seqwright.data.corpus import Corpus, TextCorpus
from seqwright.data.text import TextVocabulary
from seqwright.doctor.adapters import NativeAdapter, with_positions
from seqwright.doctor.contract import Contract
from seqwright.runs.compatibility import stretch_length
from seqwright.runs.run import Run

ROWS = 32
"""The number of examples."""
LONGEST = 64
"""The greatest number of tokens of an example of running text."""


def contract_of(run: Run) -> Contract | None:
    """Return the contract of a run's model; running text has no end, though its vocabulary has a symbol for it."""
    if run.model.spec.reads_source:
        return None
    return msgspec.structs.replace(NativeAdapter(run.model).contract(), eos=None)


def inputs_of(run: Run) -> dict[str, Any]:
    """Return ``loss`` and ``examples``; nothing where its data can no longer be read."""
    source = run.manifest.source
    path = Path(source.dev or source.path)
    if not path.is_absolute() and not path.exists():
        path = run.path / path
    try:
        examples = _pairs(run, path) if run.model.spec.reads_source else _text(run, path)
    except SeqwrightError:
        return {}
    return {"loss": _loss(run), "examples": examples}


def _pairs(run: Run, path: Path) -> dict[str, Tensor]:
    """Return the first rows of the development data, or of the training data, between the marks that training adds."""
    pairs = [run.vocabulary.known_pair(pair) for pair in islice(Corpus.read(path, run.reading), ROWS)]
    batch, pad = run.vocabulary.batch(pairs), run.vocabulary.pad
    targets = [[run.vocabulary.start, *(each for each in labels if each != pad)] for labels in batch.labels.tolist()]
    assert batch.source is not None
    return {"source": batch.source.ids, "target": Tokens.of(targets, pad=pad).ids}


def _text(run: Run, path: Path) -> dict[str, Tensor]:
    """Return the beginning of the text, cut into rows."""
    assert isinstance(run.vocabulary, TextVocabulary)
    corpus = TextCorpus.read(path, run.reading)
    ids = run.vocabulary.numbers(corpus.symbols, corpus.ids)
    length = min(stretch_length(run.manifest.recipe), LONGEST, len(ids))
    rows = max(1, min(ROWS, len(ids) // length))
    return {"ids": torch.from_numpy(ids[: rows * length].astype("int64")).view(rows, length)}


def _loss(run: Run) -> Any:
    """Return the run's own objective as a loss of rows that are both input and labels."""
    objective, pad = run.manifest.recipe.training.objective, run.vocabulary.pad

    def loss(model: Model, examples: Mapping[str, Tensor]) -> Tensor:
        target = examples["ids"] if "ids" in examples else examples["target"]
        source = examples.get("source")
        inputs, labels = target[:, :-1], target[:, 1:]
        state = model.start(None if source is None else with_positions(source, source != pad))
        output, _ = model.advance(with_positions(inputs, inputs != pad), state)
        return objective.total(output, labels) / objective.count(labels)

    return loss
