"""The law of going on: a run that is stopped after any step and continued has the same metrics and weights, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqwright.core.spec import Spec
from seqwright.data.batching import (
    Batching,
    EqualLengthBatches,
    FullBatch,
    PaddedBatches,
    RandomStretches,
    TokenBatches,
)
from seqwright.data.options import PreprocessingOptions
from seqwright.nn.dropout import Dropout
from seqwright.runs import train as training
from seqwright.runs.folder import RunFolder
from seqwright.runs.plan import Plan, plan_again
from seqwright.runs.prepare import prepare
from seqwright.runs.train import train
from seqwright.runs.training_run import TrainingFacts
from seqwright.training.averaging import Averaging, LastAverage, MovingAverage, NoAverage
from seqwright.training.checkpoint import read_checkpoint
from seqwright.training.optimiser import SGD, Adam, Frozen, Optimiser
from tests.training.optimisers import OwnRule

STEPS = 4
PAIRS = [
    ("ab", "b"),
    ("ba", "a"),
    ("b", "a"),
    ("abb", "ab"),
    ("a", "b"),
    ("bab", "ba"),
]  # short, so that answers are, too
TEXT = "the cat sat on the mat and the owl sat on the cow\n" * 4

SIZE = ["model.width=8", f"training.steps={STEPS}", "evaluation.every=2", "evaluation.rows=1"]
LAYERS = ["layers=1", "blocks.feedforward.inner=8", "blocks.dropout=0.1", "embedding_dropout=0.1"]
SMALL = {
    "pairs": SIZE + [f"model.{side}.{edit}" for side in ("encoder", "decoder") for edit in LAYERS],
    "text": SIZE + [f"model.decoder.{edit}" for edit in LAYERS],
}

OPTIMISERS: list[Optimiser] = [
    Adam(),
    Adam(decay=0.1),
    SGD(momentum=0.9, decay=0.01),
    Frozen(optimiser=Adam(decay=0.1), names=("embedding.*", "*.norm*")),
    OwnRule(),
]
AVERAGINGS: list[Averaging] = [NoAverage(), MovingAverage(decay=0.5), LastAverage(evaluations=2)]
BATCHINGS: list[Batching] = [FullBatch(), PaddedBatches(rows=4), EqualLengthBatches(rows=2), TokenBatches(tokens=24)]


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the page of curves, which takes far longer than such a run."""
    monkeypatch.setattr(training, "write_curves", lambda *arguments: None)


def _edit(path: str, part: Any) -> str:
    assert isinstance(part, Spec)
    return f"{path}={part.to_json()}"


def _cases() -> Iterator[Any]:
    """Cover each pair of values of any two settings, for each goal."""
    for (i, optimiser), (j, batching) in product(enumerate(OPTIMISERS), enumerate(BATCHINGS)):
        yield _case("pairs", optimiser, AVERAGINGS[(i + j) % 3], batching, 1 + (i + j // 2) % 2)
    for (i, optimiser), (j, averaging) in product(enumerate(OPTIMISERS), enumerate(AVERAGINGS)):
        yield _case("text", optimiser, averaging, RandomStretches(rows=3, length=8), 1 + (i + j) % 2)


def _case(goal: str, optimiser: Optimiser, averaging: Averaging, batching: Batching, accumulate: int) -> Any:
    parts = {"training.optimiser": optimiser, "averaging": averaging, "batching": batching}
    edits = [*(_edit(path, part) for path, part in parts.items()), f"training.accumulate={accumulate}"]
    decay = "Decay" * bool(getattr(optimiser, "decay", 0))
    kinds = [type(part).__name__ for part in (averaging, batching)]
    return pytest.param(goal, edits, id="-".join([goal, type(optimiser).__name__ + decay, *kinds, str(accumulate)]))


def _begun(goal: str, edits: list[str], folder: Path) -> tuple[Plan, RunFolder]:
    """Plan a run; its data lie beside its folder, so that it can be continued."""
    options, edits = PreprocessingOptions(text=goal == "text"), [*SMALL[goal], *edits]
    if goal == "pairs":
        return prepare(PAIRS, options, dev=PAIRS, out=folder, edits=edits)
    (folder.parent / "text.txt").write_text(TEXT)
    text = folder.parent / "text.txt"
    return prepare(text, options, dev=text, out=folder, edits=["model.decoder.position.length=8", *edits])


def _stopped_after_each_step(plan: Plan, folder: RunFolder) -> None:
    """Train a run to its end, in as many pieces as it has steps."""
    ended, resume = None, False
    while ended is None:
        steps: list[int] = []
        ended = train(plan, folder, resume=resume, watch=lambda run: steps.append(run.trainer.step),  # noqa: B023
                      stop=lambda: bool(steps))  # noqa: B023  # fmt: skip
        plan, resume = plan_again(folder), True


def _hold_alike(goal: str, edits: list[str], folder: Path) -> None:
    plan, whole = _begun(goal, edits, folder / "whole")
    assert train(plan, whole) is not None
    plan, pieces = _begun(goal, edits, folder / "pieces")
    _stopped_after_each_step(plan, pieces)
    assert pieces.metrics.read_bytes() == whole.metrics.read_bytes()
    assert pieces.best.read_bytes() == whole.best.read_bytes()
    mine, theirs = (read_checkpoint(folder.last, TrainingFacts)[0] for folder in (pieces, whole))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(("goal", "edits"), list(_cases()))
def test_every_kind_of_training_goes_on(goal: str, edits: list[str], tmp_path: Path):
    _hold_alike(goal, edits, tmp_path)


@pytest.mark.parametrize("edits", [["training.clip=0.01"], ["training.precision=float64"], ["evaluation.by=loss"]])
def test_whatever_else_is_set_it_goes_on(edits: list[str], tmp_path: Path):
    _hold_alike("pairs", edits, tmp_path)


def test_parts_that_draw_from_torchs_own_generator_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Dropout, "forward", lambda self, x: nn.functional.dropout(x, self.rate, self.training))
    before = torch.get_rng_state()
    _hold_alike("text", ["batching.length=8"], tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
