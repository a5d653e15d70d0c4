"""Run folders that version 0.1 wrote give the same answers, symbol by symbol."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import seqwright as sw

OLD = Path(__file__).parent / "old"
ANSWERS: dict[str, list[dict[str, Any]]] = json.loads((OLD / "answers.json").read_text())


@pytest.mark.parametrize("name", ["pairs", "text"])
def test_an_old_run_gives_the_same_answers(name: str):
    run, limit = sw.load(OLD / name), 30 if name == "text" else None
    for expected in ANSWERS[name]:
        prompt = expected["prompt"]
        assert run.predict([prompt], limit=limit) == [expected["greedy"]]
        found = next(run.answers([prompt], sw.Beam(width=3, answers=2), limit=limit))
        assert [prediction.text for prediction in found] == expected["beam"]


@pytest.mark.parametrize("name", ["pairs", "text"])
def test_an_old_run_can_be_evaluated_and_trained_anew(name: str, tmp_path: Path):
    run = sw.load(OLD / name)
    assert run.evaluate(OLD / name / "data" / "train").loss
    shutil.copytree(OLD / name, tmp_path / name)
    (tmp_path / name / "model.safetensors").unlink()  # as if it had been stopped before its first evaluation
    assert sw.resume(tmp_path / name, max_minutes=1e-9).recipe == run.recipe
