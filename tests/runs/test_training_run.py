"""Which weights a run keeps, what a stop leaves, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from seqwright.core.errors import SeqwrightError
from seqwright.data.options import PreprocessingOptions
from seqwright.runs.folder import RunFolder
from seqwright.runs.manifest import Result
from seqwright.runs.plan import Plan
from seqwright.runs.prepare import prepare
from seqwright.runs.run import load
from seqwright.runs.train import train
from seqwright.runs.training_run import OUT_OF_TIME, TrainingFacts, TrainingRun, Weights
from seqwright.training.checkpoint import read_checkpoint, write_checkpoint
from tests.runs.small import SMALL

CALLS = [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("owl", "hoot"), ("duck", "quack"), ("bee", "buzz")]


@dataclass(frozen=True)
class Measured:
    loss: float
    exact_match: float | None
    rows: int = 100


def _begun(out: Path, *edits: str) -> tuple[Plan, RunFolder]:
    return prepare(CALLS, PreprocessingOptions(), dev=CALLS, out=out, edits=[*SMALL, "evaluation.every=1", *edits])


def _trained(out: Path, *edits: str) -> Result:
    result = train(*_begun(out, *edits))
    assert result is not None
    return result


def _stopped(plan: Plan, folder: RunFolder, step: int) -> list[str]:
    """Train until a step is taken; return the messages."""
    steps: list[int] = []
    notes: list[str] = []
    ended = train(
        plan, folder, resume=folder.manifest_file.exists(), note=notes.append,
        watch=lambda run: steps.append(run.trainer.step), stop=lambda: step in steps,
    )  # fmt: skip
    assert ended is None
    return notes


def _scripted(monkeypatch: pytest.MonkeyPatch, plan: Plan, measured: Sequence[Measured]) -> None:
    """Let evaluations find these, one after the other."""
    waiting = iter(measured)
    monkeypatch.setattr(type(plan.data), "evaluate", lambda self, model, rows, device: next(waiting))


def test_the_latest_evaluation_that_chance_may_make_the_best_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One standard error of 0.74 on 100 rows is 0.044: 0.71 may be as good, 0.60 and 0.69 are not."""
    matches = (0.70, 0.74, 0.71, 0.60, 0.69)
    plan, folder = _begun(tmp_path / "run", "training.steps=5")
    _scripted(monkeypatch, plan, [Measured(1.0, match, rows=100) for match in matches])
    result = train(plan, folder)
    assert result is not None
    assert (result.best_step, result.dev_exact_match) == (3, 0.71)


def test_a_higher_evaluation_leaves_no_room_for_what_was_kept_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    matches = (0.50, 0.90, 0.86)
    plan, folder = _begun(tmp_path / "run", "training.steps=3")
    _scripted(monkeypatch, plan, [Measured(1.0, match, rows=100) for match in matches])
    result = train(plan, folder)
    assert result is not None
    assert result.best_step == 2


def test_patience_counts_the_evaluations_that_are_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    matches = (0.50, 0.80, 0.60, 0.60, 0.60, 0.60)
    plan, folder = _begun(tmp_path / "run", "training.steps=6", "evaluation.patience=2")
    _scripted(monkeypatch, plan, [Measured(1.0, match, rows=1000) for match in matches])
    result = train(plan, folder)
    assert result is not None
    assert (result.steps, result.best_step) == (4, 2)
    assert "no better evaluation" in result.why


def test_until_a_row_is_answered_exactly_less_loss_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, folder = _begun(tmp_path / "run", "training.steps=5", "evaluation.patience=2")
    _scripted(monkeypatch, plan, [Measured(loss, 0.0, rows=100) for loss in (3.0, 1.0, 2.0, 5.0, 9.0)])
    result = train(plan, folder)
    assert result is not None
    assert (result.steps, result.best_step, result.dev_loss) == (4, 2, 1.0)


def test_the_page_of_a_stopped_run_names_the_weights_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, folder = _begun(tmp_path / "run", "training.steps=9")
    _scripted(monkeypatch, plan, [Measured(1.0, match, rows=100) for match in (0.74, 0.71)])
    assert train(plan, folder, stop=lambda: len(folder.lines()) == 4) is None
    assert "The weights of step 2 of 2 are kept" in folder.report.read_text()


def test_by_loss_the_least_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, folder = _begun(tmp_path / "run", "training.steps=3", "evaluation.by=loss")
    _scripted(monkeypatch, plan, [Measured(loss, match) for loss, match in ((2.0, 0.1), (1.0, 0.2), (1.5, 0.9))])
    result = train(plan, folder)
    assert result is not None
    assert result.best_step == 2


def test_sources_are_marked_unless_asked_not_to_be_and_a_run_remembers(tmp_path: Path):
    answers = {}
    for name, edits in (("marked", []), ("bare", ["goal.sources=BareSources"])):
        _trained(tmp_path / name, "training.steps=2", *edits)
        run = load(tmp_path / name)
        cat = run.vocabulary.encode("cat")
        marked = [run.vocabulary.start, *cat, run.vocabulary.end]
        assert run.vocabulary.encode_source("cat") == (marked if name == "marked" else cat)
        answers[name] = run.predict(["cat"])
    manifest = tmp_path / "bare" / "run.json"
    facts = json.loads(manifest.read_text())
    del facts["recipe"]["goal"]  # a run from before sources were marked
    manifest.write_text(json.dumps(facts))
    assert load(tmp_path / "bare").predict(["cat"]) == answers["bare"]


# ---------------------------------------------------------------------- what a stop leaves


@pytest.mark.parametrize("why", ["stopped", "out of time"])
def test_a_run_that_ends_early_keeps_evaluated_weights(tmp_path: Path, why: str):
    plan, folder = _begun(tmp_path / "run", "training.steps=9", "evaluation.every=9")
    if why == "stopped":
        assert "the weights" not in str(_stopped(plan, folder, 3))
        assert folder.result() is None
        assert read_checkpoint(folder.best, Weights)[1].step == 3
    else:
        result = train(plan, folder, minutes=1e-9)
        assert result is not None
        assert result.why == OUT_OF_TIME
        assert result.dev_loss is not None
    assert len(load(folder.path).predict(["cat"])) == 1
    assert not any("dev_loss" in line for line in folder.lines())


@pytest.mark.parametrize("at_stop", [0.95, 0.2])
def test_an_evaluation_at_the_stop_changes_nothing_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_stop: float
):
    """The weights of step 2 are kept, then those of the stop in step 5 only if they are better; nothing later is as good."""
    scheduled = [Measured(1.0, 0.9), *[Measured(1.0, 0.3)] * 4]
    edits = ("training.steps=10", "evaluation.every=2")
    plan, whole = _begun(tmp_path / "whole", *edits)
    _scripted(monkeypatch, plan, scheduled)
    assert train(plan, whole) is not None
    plan, folder = _begun(tmp_path / "run", *edits)
    _scripted(monkeypatch, plan, [*scheduled[:2], Measured(1.0, at_stop), *scheduled[2:]])
    notes = _stopped(plan, folder, 5)
    better = at_stop > 0.9
    assert read_checkpoint(folder.best, Weights)[1].step == (5 if better else 2)
    assert bool(notes) == better
    result = train(plan, folder, resume=True)
    assert result is not None
    assert result.best_step == 2
    assert folder.best.read_bytes() == whole.best.read_bytes()
    assert folder.metrics.read_bytes() == whole.metrics.read_bytes()
    assert sorted(file.name for file in folder.path.iterdir()) == sorted(file.name for file in whole.path.iterdir())


def test_patience_goes_on_over_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, folder = _begun(tmp_path / "run", "training.steps=9", "evaluation.patience=3")
    _scripted(monkeypatch, plan, [Measured(1.0, 0.9), *[Measured(1.0, 0.3)] * 3])
    _stopped(plan, folder, 3)
    result = train(plan, folder, resume=True)
    assert result is not None
    assert (result.steps, result.best_step, result.dev_exact_match) == (4, 1, 0.9)


# ---------------------------------------------------------------------- what is refused, and what is not


def test_a_new_training_never_goes_on_inside_another(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=2")
    late, same_folder = _begun(tmp_path / "run", "training.steps=3")
    assert train(plan, folder) is not None
    before = {file.name: file.read_bytes() for file in folder.path.iterdir() if file.is_file()}
    with pytest.raises(SeqwrightError, match=r"another run has begun in this folder.*--out"):
        train(late, same_folder)
    assert {file.name: file.read_bytes() for file in folder.path.iterdir() if file.is_file()} == before


@pytest.mark.parametrize("weights", [True, False])
def test_without_its_checkpoint_a_run_is_not_begun_anew(tmp_path: Path, weights: bool):
    plan, folder = _begun(tmp_path / "run", "training.steps=3")
    train(plan, folder)
    folder.last.unlink()
    if not weights:
        folder.best.unlink()
    before = folder.metrics.read_bytes()
    with pytest.raises(SeqwrightError, match=r"last.safetensors: is missing.*new run") as refused:
        train(plan, folder, resume=True)
    assert ("predict" in str(refused.value)) == weights
    assert folder.metrics.read_bytes() == before
    assert folder.result() is not None


def test_a_run_killed_before_its_first_checkpoint_begins(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=2")
    folder.begin(plan.manifest, plan.data.vocabulary)
    assert train(plan, folder, resume=True) is not None


def test_a_run_killed_before_its_first_evaluation_goes_on(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=3", "evaluation.every=3")

    def kill(run: TrainingRun) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(plan, folder, watch=kill)
    assert len(folder.lines()) == 1
    assert train(plan, folder, resume=True) is not None
    assert [line["step"] for line in folder.lines()] == [1, 2, 3, 3]


def test_a_checkpoint_of_an_older_version_is_refused(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=9")
    _stopped(plan, folder, 2)
    save_file({"model.w": torch.ones(1)}, folder.last, {"facts": '{"type":"Standing","step":2}'})
    with pytest.raises(SeqwrightError, match=r"older version.*model.safetensors still answer"):
        train(plan, folder, resume=True)


def test_the_checkpoint_of_another_run_is_refused_with_the_part_that_does_not_fit(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=9")
    _stopped(plan, folder, 2)
    momentum = 'training.optimiser={"type":"SGD","momentum":0.9}'
    for edit, part in (
        ("model.width=8", "model"), ("training.steps=1", "trainer"), ("averaging=NoAverage", "average"),
        (momentum, "optimiser"),
    ):  # fmt: skip
        other, elsewhere = _begun(tmp_path / part, edit)
        elsewhere.begin(other.manifest, other.data.vocabulary)
        elsewhere.last.write_bytes(folder.last.read_bytes())
        with pytest.raises(SeqwrightError, match=rf"last.safetensors: .*{part}"):
            train(other, elsewhere, resume=True)


def test_a_run_of_another_device_goes_on_and_says_so(tmp_path: Path):
    plan, folder = _begun(tmp_path / "run", "training.steps=3", "model.encoder.blocks.dropout=0.2")
    _stopped(plan, folder, 1)
    tensors, facts = read_checkpoint(folder.last, TrainingFacts)
    tensors["generators.0"] = torch.zeros(16, dtype=torch.uint8)  # as CUDA's generator has it: a seed and an offset
    write_checkpoint(folder.last, tensors, replace(facts, device="cuda"))
    notes: list[str] = []
    assert train(plan, folder, resume=True, note=notes.append) is not None
    assert len(notes) == 1
    assert "trained on cuda and continues on cpu" in notes[0]
    assert "dropout draws anew" in notes[0]
