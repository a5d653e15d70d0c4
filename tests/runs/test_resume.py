"""A run on the command line that is stopped in any way continues to the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.runs.small import SMALL, command, environment, seqwright, sets, write_pairs

EDITS = sets(*SMALL, "training.steps=60", "model.encoder.blocks.dropout=0.2", "model.decoder.blocks.dropout=0.2",
             'averaging={"type":"MovingAverage","decay":0.9}')  # fmt: skip

TEXT = sets("model.width=16", "model.decoder.layers=1", "training.steps=60", "evaluation.every=10", "batching.rows=4",
            "model.decoder.blocks.dropout=0.1")  # fmt: skip


def _text(path: Path) -> Path:
    path.write_text("the cat sat on the mat and the owl sat on the cow\n" * 30)
    return path


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


def _alike(run: Path, whole: Path) -> None:
    for name in ("metrics.jsonl", "model.safetensors"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("goal", ["pairs", "text"])
def test_killed_again_and_again_it_ends_as_if_never_stopped(goal: str, whole: Path, tmp_path: Path):
    draw, run = random.Random(0), tmp_path / "run"
    if goal == "pairs":
        begin = ["train", write_pairs(tmp_path / "pairs.tsv"), *EDITS]
    else:  # README's run of running text, made small
        begin = ["train", "--text", _text(tmp_path / "text.txt"), *TEXT]
        whole = tmp_path / "whole"
        seqwright(*begin, "--out", whole)
    _watched([*begin, "--out", run], run, draw.randint(1, 30), signal.SIGKILL)
    for _ in range(3):
        _watched(["train", "--resume", run], run, draw.randint(5, 65), signal.SIGKILL)
    seqwright("train", "--resume", run)
    _alike(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_evaluated_weights_and_the_run_goes_on(sent: signal.Signals, whole: Path, tmp_path: Path):
    run, data = tmp_path / "run", write_pairs(tmp_path / "pairs.tsv")
    code = _watched(["train", data, "--out", run, *EDITS], run, 7, sent)  # before the first evaluation, at step 10
    if not (run / "result.json").exists():  # on a starved machine the signal may come after the last step
        assert code == 128 + sent
        assert (run / "last.safetensors").exists()
        (tmp_path / "prompts.txt").write_text("ab\n")
        assert seqwright("predict", run, tmp_path / "prompts.txt").stdout.startswith("ab\t")
    seqwright("train", "--resume", run)
    _alike(run, whole)


def test_a_finished_run_says_so(whole: Path):
    assert seqwright("train", "--resume", whole).stdout.startswith("finished")


def test_a_run_without_its_checkpoint_is_refused_and_still_answers(whole: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    for name in ("last.safetensors", "result.json"):
        (run / name).unlink()
    error = seqwright("train", "--resume", run, code=2).stderr
    assert "last.safetensors: is missing" in error
    assert "seqwright predict" in error
    (tmp_path / "prompts.txt").write_text("ab\n")
    assert seqwright("predict", run, tmp_path / "prompts.txt").stdout.startswith("ab\t")


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
