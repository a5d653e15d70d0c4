"""A run that is stopped, however and wherever, goes on as if nothing had happened: to the last bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.runs.small import SMALL, command, environment, losses, seqwright, sets, write_pairs

EDITS = sets(*SMALL, "training.steps=60", "model.encoder.blocks.dropout=0.2", "model.decoder.blocks.dropout=0.2",
             'averaging={"type":"MovingAverage","decay":0.9}')  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    seqwright("train", write_pairs(folder / "pairs.tsv"), "--out", folder / "run", *EDITS)
    return folder / "run"


def _watched(arguments: list[str | Path], run: Path, stop_after: int, kill: signal.Signals) -> int:
    """Start a training, send it a signal as soon as so many lines are measured, and wait for its end."""
    process = subprocess.Popen(
        command(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    metrics = run / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_bytes().count(b"\n") < stop_after):
        os.sched_yield()
    process.send_signal(kill)
    return process.wait()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_never_stopped(whole: Path, tmp_path: Path):
    draw, run = random.Random(0), tmp_path / "run"
    data = write_pairs(tmp_path / "pairs.tsv")
    _watched(["train", data, "--out", run, *EDITS], run, draw.randint(1, 30), signal.SIGKILL)
    for _ in range(3):
        _watched(["train", "--resume", run], run, draw.randint(5, 65), signal.SIGKILL)
    seqwright("train", "--resume", run)
    assert losses(run) == losses(whole)
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_asked_to_stop_it_keeps_where_it_is(whole: Path, tmp_path: Path):
    run, data = tmp_path / "run", write_pairs(tmp_path / "pairs.tsv")
    code = _watched(["train", data, "--out", run, *EDITS], run, 13, signal.SIGTERM)
    if not (run / "result.json").exists():  # on a starved machine the signal may come after the last step
        assert code == 128 + signal.SIGTERM
        assert (run / "last.safetensors").exists()
    seqwright("train", "--resume", run)
    assert losses(run) == losses(whole)


def test_a_finished_run_says_so(whole: Path):
    assert seqwright("train", "--resume", whole).stdout.startswith("finished")


def test_a_run_without_a_checkpoint_starts_over(whole: Path, tmp_path: Path):
    run, data = tmp_path / "run", write_pairs(tmp_path / "pairs.tsv")
    seqwright("train", data, "--out", run, *EDITS)
    for name in ("last.safetensors", "model.safetensors", "result.json", "report.html"):
        (run / name).unlink()
    (run / "metrics.jsonl").write_bytes((run / "metrics.jsonl").read_bytes()[:500])  # and a line cut short
    seqwright("train", "--resume", run)
    assert losses(run) == losses(whole)


def test_other_threads_are_told(whole: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "result.json").unlink()
    (run / "run.json").write_text((run / "run.json").read_text().replace('"threads": 1', '"threads": 7'))
    assert "1 threads, not 7" in seqwright("train", "--resume", run).stderr


def test_data_that_changed_is_refused(whole: Path, tmp_path: Path):
    run, data = tmp_path / "run", write_pairs(tmp_path / "pairs.tsv")
    seqwright("train", data, "--out", run, *EDITS)
    (run / "result.json").unlink()
    data.write_text(data.read_text() + "a\tA\n")
    assert "has changed" in seqwright("train", "--resume", run, code=2).stderr


@pytest.mark.parametrize("name", ["run.json", "last.safetensors", "vocabulary.json", "model.json", "model.safetensors"])
def test_a_damaged_run_is_refused_with_the_reason(whole: Path, tmp_path: Path, name: str):
    run = tmp_path / "run"
    run.mkdir()
    for file in whole.iterdir():
        if file.is_file():
            content = file.read_bytes()
            (run / file.name).write_bytes(content[: len(content) // 2] if file.name == name else content)
    (run / "result.json").unlink()
    question = tmp_path / "q.txt"
    question.write_text("ab\n")
    asked = ("train", "--resume", run) if name == "last.safetensors" else ("predict", run, question)
    error = seqwright(*asked, code=2).stderr
    assert name in error
    assert "Traceback" not in error


def test_a_foreign_folder_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "not a run" in seqwright("train", "--resume", tmp_path, code=2).stderr
    data = write_pairs(tmp_path / "pairs.tsv")
    assert "something else" in seqwright("train", data, "--out", tmp_path, code=2).stderr
