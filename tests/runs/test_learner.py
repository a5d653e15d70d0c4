"""Which weights a run keeps, and what its encoder reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from seqwright.data.options import PreprocessingOptions
from seqwright.runs.data import Measured, PairData
from seqwright.runs.folder import Result, RunFolder
from seqwright.runs.learner import TrainerState
from seqwright.runs.plan import Plan
from seqwright.runs.prepare import begin
from seqwright.runs.run import load
from seqwright.runs.train import train
from seqwright.training.checkpoint import read_checkpoint, write_checkpoint
from tests.runs.small import SMALL

CALLS = [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("owl", "hoot"), ("duck", "quack"), ("bee", "buzz")]


def _begun(out: Path, *edits: str) -> tuple[Plan, RunFolder]:
    return begin(CALLS, PreprocessingOptions(), dev=CALLS, out=out, edits=[*SMALL, "evaluation.every=1", *edits])


def _trained(out: Path, *edits: str) -> Result:
    result = train(*_begun(out, *edits))
    assert result is not None
    return result


def _scripted(monkeypatch: pytest.MonkeyPatch, measured: Sequence[Measured]) -> None:
    """Let evaluations find these, one after the other."""
    waiting = iter(measured)
    monkeypatch.setattr(PairData, "evaluate", lambda self, model, rows, device: next(waiting))


def test_the_latest_evaluation_that_chance_may_make_the_best_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One standard error of 0.74 on 100 rows is 0.044: 0.71 may be as good, 0.60 and 0.69 are not."""
    matches = (0.70, 0.74, 0.71, 0.60, 0.69)
    _scripted(monkeypatch, [Measured(1.0, match, rows=100) for match in matches])
    result = _trained(tmp_path / "run", "training.steps=5")
    assert (result.best_step, result.dev_exact_match) == (3, 0.71)


def test_a_higher_evaluation_leaves_no_room_for_what_was_kept_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    matches = (0.50, 0.90, 0.86)
    _scripted(monkeypatch, [Measured(1.0, match, rows=100) for match in matches])
    assert _trained(tmp_path / "run", "training.steps=3").best_step == 2


def test_patience_counts_the_evaluations_that_are_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    matches = (0.50, 0.80, 0.60, 0.60, 0.60, 0.60)
    _scripted(monkeypatch, [Measured(1.0, match, rows=1000) for match in matches])
    result = _trained(tmp_path / "run", "training.steps=6", "evaluation.patience=2")
    assert (result.steps, result.best_step) == (4, 2)
    assert "no better evaluation" in result.why


def test_until_a_row_is_answered_exactly_less_loss_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _scripted(monkeypatch, [Measured(loss, 0.0, rows=100) for loss in (3.0, 1.0, 2.0, 5.0, 9.0)])
    result = _trained(tmp_path / "run", "training.steps=5", "evaluation.patience=2")
    assert (result.steps, result.best_step, result.dev_loss) == (4, 2, 1.0)


def test_a_run_that_did_not_note_the_highest_keeps_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _scripted(monkeypatch, [Measured(1.0, 0.8, rows=100), Measured(1.0, 0.3, rows=100)])
    plan, folder = _begun(tmp_path / "run", "training.steps=2")
    assert train(plan, folder, stop=lambda: folder.last.exists()) is None
    tensors, standing = read_checkpoint(folder.last, TrainerState)
    write_checkpoint(folder.last, tensors, replace(standing, highest=0.0))
    result = train(plan, folder)
    assert result is not None
    assert (result.best_step, result.dev_exact_match) == (1, 0.8)


def test_the_page_of_a_stopped_run_names_the_weights_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _scripted(monkeypatch, [Measured(1.0, match, rows=100) for match in (0.74, 0.71)])
    plan, folder = _begun(tmp_path / "run", "training.steps=9")
    assert train(plan, folder, stop=lambda: len(folder.lines()) == 4) is None
    assert "The weights of step 2 of 2 are kept" in folder.report.read_text()


def test_by_loss_the_least_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _scripted(monkeypatch, [Measured(loss, match, rows=100) for loss, match in ((2.0, 0.1), (1.0, 0.2), (1.5, 0.9))])
    assert _trained(tmp_path / "run", "training.steps=3", "evaluation.by=loss").best_step == 2


def test_sources_are_marked_unless_asked_not_to_be_and_a_run_remembers(tmp_path: Path):
    answers = {}
    for name, edits in (("marked", []), ("bare", ["sources=BareSources"])):
        _trained(tmp_path / name, "training.steps=2", *edits)
        run = load(tmp_path / name)
        cat = run.vocabulary.encode("cat")
        marked = [run.vocabulary.start, *cat, run.vocabulary.end]
        assert run.vocabulary.encode_source("cat") == (marked if name == "marked" else cat)
        answers[name] = run.predict(["cat"])
    manifest = tmp_path / "bare" / "run.json"
    facts = json.loads(manifest.read_text())
    del facts["recipe"]["sources"]  # a run from before sources were marked
    manifest.write_text(json.dumps(facts))
    assert load(tmp_path / "bare").predict(["cat"]) == answers["bare"]
