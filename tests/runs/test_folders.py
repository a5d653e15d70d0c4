"""A finished run is never lost: folders that nobody else takes, options that are not passed over, data that were moved."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import seqwright as sw
from seqwright.core.errors import SeqwrightError
from seqwright.data.options import PreprocessingOptions
from seqwright.runs.folder import RunFolder
from seqwright.runs.prepare import prepare
from seqwright.runs.train import train
from tests.cli.test_own_data import FEW, FEW_TEXT, tell
from tests.runs.small import command, environment, losses, write_pairs

EDITS = [each for each in FEW if each != "--set"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs.tsv")


@pytest.fixture
def stopped(data: Path, tmp_path: Path) -> Path:
    """A run that was stopped after its last step."""
    found = tell("train", data, "--out", tmp_path / "run", *FEW)
    assert found.code == 0, found.err
    (tmp_path / "run" / "result.json").unlink()
    return tmp_path / "run"


# ---------------------------------------------------------------------- folders


@pytest.mark.parametrize("pairs", [False, True])
def test_a_folder_that_was_taken_meanwhile_is_left_as_it_is(data: Path, tmp_path: Path, pairs: bool):
    late = [("a", "A"), ("b", "B")] * 9 if pairs else data  # pairs would be kept inside the folder
    plan, folder = prepare(
        late, PreprocessingOptions(), dev=late, out=tmp_path / "run", edits=[*EDITS, "training.rate=0.1"]
    )
    assert tell("train", data, "--out", tmp_path / "run", *FEW).code == 0
    before = {file: file.read_bytes() for file in sorted((tmp_path / "run").rglob("*")) if file.is_file()}
    with pytest.raises(SeqwrightError, match="another run has begun in this folder; name another one with --out"):
        train(plan, folder)
    assert {file: file.read_bytes() for file in sorted((tmp_path / "run").rglob("*")) if file.is_file()} == before


def test_a_folder_in_which_another_process_trains_is_refused(data: Path, tmp_path: Path):
    plan, folder = prepare(data, PreprocessingOptions(), out=tmp_path / "run", edits=EDITS)
    with RunFolder(tmp_path / "run").locked(), pytest.raises(SeqwrightError, match="another process trains"):
        train(plan, folder)


def test_parallel_starts_get_folders_of_their_own(data: Path, tmp_path: Path):
    processes = [
        subprocess.Popen(command("train", data, "--seed", str(seed), *FEW), cwd=tmp_path, env=environment(),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for seed in (1, 2, 3)
    ]  # fmt: skip
    assert [process.wait() for process in processes] == [0, 0, 0]
    runs = sorted((tmp_path / "seqwright-out").iterdir())
    assert [run.name for run in runs] == ["pairs", "pairs-2", "pairs-3"]
    assert sorted(json.loads((run / "run.json").read_text())["seed"] for run in runs) == [1, 2, 3]


def test_a_mistake_leaves_no_folder_behind(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert tell("train", data, *FEW, "--set", "training.steps=0").code == 2
    assert not (tmp_path / "seqwright-out").exists()


# ---------------------------------------------------------------------- options of --resume


@pytest.mark.parametrize(
    "option",
    [
        "--out x", "--goal Continuation", "--text", "--model m.json", "--set training.steps=9", "--seed 0", "--normalise as-is",
        "--split-source-on ;", "--split-target-on ;", "--source-tokens bytes", "--target-tokens bpe:90", "--source-column 2",
        "--target-column 1", "--features-column 3", "--source-key a", "--target-key b",
    ],
)  # fmt: skip
def test_resume_refuses_by_name_what_it_would_pass_over(stopped: Path, option: str):
    found = tell("train", "--resume", stopped, *option.split())
    assert found.code == 2
    assert option.split()[0] in found.line


def test_resume_refuses_a_device_that_is_not_there_and_dev_rows_that_were_held_out(stopped: Path, data: Path):
    if not torch.cuda.is_available():
        assert "--device cuda" in tell("train", "--resume", stopped, "--device", "cuda").line
    for _ in range(2):  # of a run that has not ended, and of one that has
        assert "takes no --dev" in tell("train", "--resume", stopped, "--dev", data).line
        assert tell("train", "--resume", stopped).code == 0
    assert "--data belongs to --resume" in tell("train", data, "--data", data).line


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_cuda_run_continues_on_the_cpu_and_says_so(stopped: Path):
    manifest = stopped / "run.json"
    manifest.write_text(manifest.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    with safe_open(stopped / "last.safetensors", framework="pt") as file:
        metadata = {name: text.replace('"cpu"', '"cuda"') for name, text in file.metadata().items()}
    save_file(load_file(stopped / "last.safetensors"), stopped / "last.safetensors", metadata)
    found = tell("train", "--resume", stopped)
    assert found.code == 0, found.err
    assert "was trained on cuda and continues on cpu" in found.err
    (stopped / "result.json").unlink()
    assert sw.resume(stopped).device == "cpu"


# ---------------------------------------------------------------------- data that were moved


def test_data_that_were_moved_can_be_named_again(data: Path, tmp_path: Path):
    dev, run = write_pairs(tmp_path / "dev.tsv", rows=9, seed=1), tmp_path / "run"
    assert tell("train", data, "--dev", dev, "--out", run, *FEW).code == 0
    before = losses(run)
    (run / "result.json").unlink()
    (tmp_path / "elsewhere").mkdir()
    data, dev = data.rename(tmp_path / "elsewhere" / "a.tsv"), dev.rename(tmp_path / "elsewhere" / "b.tsv")
    line = tell("train", "--resume", run).line
    assert "pairs.tsv: the run's data is not there" in line
    assert f"--resume {run} --data FILE" in line
    assert "--dev FILE" in tell("train", "--resume", run, "--data", data).line
    assert "dev.tsv" in tell("train", "--resume", run, "--data", data).line
    assert "has changed" in tell("train", "--resume", run, "--data", dev, "--dev", data).line
    assert tell("train", "--resume", run, "--data", data, "--dev", dev).code == 0
    assert losses(run) == before
    (run / "result.json").unlink()
    assert tell("train", "--resume", run).code == 0  # the manifest has the new paths
    assert json.loads((run / "run.json").read_text())["source"]["dev"] == str(dev)


def test_text_that_was_moved_can_be_named_again(tmp_path: Path):
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be\n" * 80)
    assert tell("train", text, "--text", "--out", tmp_path / "run", *FEW_TEXT).code == 0
    (tmp_path / "run" / "result.json").unlink()
    moved = text.rename(tmp_path / "moved.txt")
    assert sw.resume(tmp_path / "run", data=moved).manifest.source.path == str(moved)
    moved.write_text("changed " * 200)
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(SeqwrightError, match="has changed"):
        sw.resume(tmp_path / "run")
