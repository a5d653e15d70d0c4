"""Mistakes and faults: one line that says what, where and how to mend it; nothing half-written; what was good is kept."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from seqwright.runs.training_run import TrainingFacts, TrainingRun
from seqwright.training import checkpoint
from seqwright.training.checkpoint import read_checkpoint, write_checkpoint
from tests.cli.test_own_data import Told, tell
from tests.runs.small import SMALL, losses, sets, write_pairs

EDITS = sets(*SMALL, "training.steps=8", "evaluation.every=4")
LEARNED = '{"type":"LearnedPosition","length":%d}'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.tsv")


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    told = tell("train", data, "--out", data.parent / "whole", *EDITS)
    assert told.code == 0, told.err
    return data.parent / "whole"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil, as if it had been stopped at its last step."""
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    return tmp_path / "run"


def refused(told: Told, *parts: str) -> None:
    assert told.code == 2, told.err
    assert told.out == ""
    for part in parts:
        assert part in told.line


# ---------------------------------------------------------------------- data that cannot be trained on


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["d.tsv: the file is empty"]),
        ("\n", ["d.tsv: the file is empty"]),
        ("a\tb\n", ["too few different sources", "--dev"]),
        ("a\ta\n" * 30, ["too few different sources", "--dev"]),
        ("a\tb\nbad\n", ["d.tsv:2: no tab"]),
        ("a\tb\n\nc\td\n", ["d.tsv:2: this line is blank"]),
        ("".join(f"{c}\t\n" for c in "abcdefghijkl"), ["d.tsv:1: the target is empty", "11 rows after it"]),
        ("a\tb\nb\t\nc\td\n", ["d.tsv:2: the target is empty"]),
        ("a\tb\tc\td\n", ["d.tsv:1: 3 tabs"]),
    ],
)
def test_data_that_cannot_be_learnt(tmp_path: Path, content: str, parts: list[str]):
    (tmp_path / "d.tsv").write_text(content)
    refused(tell("train", tmp_path / "d.tsv", "--out", tmp_path / "run", *EDITS), *parts)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", ["a\tb\n", "a\ta\n" * 30])
def test_one_row_or_one_symbol_with_itself_to_be_asked(tmp_path: Path, content: str):
    (tmp_path / "d.tsv").write_text(content)
    told = tell("train", tmp_path / "d.tsv", "--dev", tmp_path / "d.tsv", "--out", tmp_path / "run", *EDITS)
    assert told.code == 0, told.err
    measured = tell("evaluate", tmp_path / "run", tmp_path / "d.tsv", "--json", "--beam", "3")
    assert set(json.loads(measured.out)["intervals"].values()) == {None}


def test_standard_input_goes_by_its_name(tmp_path: Path):
    told = tell("train", "-", "--out", tmp_path / "run", *EDITS, stdin=b"a\tb\nbad\n")
    refused(told, "standard input:2: no tab")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("edit", "part"),
    [("sources=MarkedSources", "has no part 'sources'"), ("evaluation.by=exact_match", "no targets to match")],
)
def test_what_text_has_not(tmp_path: Path, edit: str, part: str):
    (tmp_path / "t.txt").write_text("to be or not to be\n" * 200)
    refused(tell("train", "--text", tmp_path / "t.txt", "--out", tmp_path / "run", "--set", edit), part)


def test_text_that_is_too_short(tmp_path: Path):
    (tmp_path / "t.txt").write_text("short")
    told = tell("train", "--text", tmp_path / "t.txt", "--out", tmp_path / "run")
    refused(told)
    assert "--length" not in told.line  # there is no such option
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------- options that do not fit


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--set", "training.steps"], ["--set training.steps: there is no value"]),
        (["--set", "training.rat=1"], ["training.rat", "'rat'", "rate"]),
        (["--set", "training.rate=fast"], ["rate"]),
        (["--set", "training.steps=0"], ["steps"]),
        (["--set", "model.encoder.position=SpiralPosition"], ["SpiralPosition"]),
        (["--set", f"model.encoder.position={LEARNED % 3}"], ["row ", "a source of 8 tokens", "3 positions"]),
        (["--model", "nowhere.json"], ["nowhere.json", "no such file"]),
        (["--device", "tpu"], ["--device tpu"]),
        (["--dev", "nowhere.tsv"], ["nowhere.tsv", "cannot be read"]),
        (["--normalise", "nfx"], ["--normalise nfx"]),
        (["--source-tokens", "bpe:0"], ["--source-tokens bpe:0"]),
        (["--source-column", "word"], ["--source-column word"]),
        (["--max-minutes", "0"], ["--max-minutes 0"]),
    ],
)
def test_options_that_do_not_fit(data: Path, tmp_path: Path, options: list[str], parts: list[str]):
    refused(tell("train", data, "--out", tmp_path / "run", *EDITS, *options), *parts)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--set", "model.width=10"],
        ["--set", "model.embedding.vocabulary=3"],
        ["--set", "model.head.outputs=3"],
        ["--set", "model.head=ScalarHead"],
        ["--set", "model.embedding=ScalarEmbedding"],
        ["--set", "model.encoder=null"],
        ["--set", "model.decoder.blocks.cross=null"],
        ["--set", "training.rate=-1"],
        ["--set", "training.clip=-1"],
        ["--set", "training.objective=MeanSquaredError"],
        ["--set", "training.objective.ignore=null"],
        ["--features-column", "0"],
        ["--seed", "99999999999999999999"],
        ["--max-minutes", "nan"],
    ],
)
def test_what_cannot_be_built_or_trained_is_refused_before_anything_is_written(
    data: Path, tmp_path: Path, options: list[str]
):
    refused(tell("train", data, "--out", tmp_path / "run", *EDITS, *options))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("row", ["abcdabcdabcd\tA\n", "a\tABCDABCDABCDABCD\n"])
def test_a_dev_row_beyond_the_models_limit_is_refused_at_once(data: Path, tmp_path: Path, row: str):
    (tmp_path / "dev.tsv").write_text("a\tA\n" + row)
    edits = sets(f"model.encoder.position={LEARNED % 8}", f"model.decoder.position={LEARNED % 14}")
    told = tell("train", data, "--dev", tmp_path / "dev.tsv", "--out", tmp_path / "run", *EDITS, *edits)
    refused(told, "positions")
    assert not (tmp_path / "run").exists()


def test_answers_keep_within_the_models_limit(data: Path, tmp_path: Path):
    told = tell("train", data, "--out", tmp_path / "run", *EDITS, *sets(f"model.decoder.position={LEARNED % 7}"))
    assert told.code == 0, told.err


def test_cuda_that_is_not_there(data: Path, tmp_path: Path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    refused(tell("train", data, "--out", tmp_path / "run", "--device", "cuda"), "no CUDA device")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("named", ["file", "-"])
@pytest.mark.parametrize("out", ["/proc/nowhere/run", "pairs.tsv", "pairs.tsv/run"])
def test_a_folder_that_cannot_be_written(data: Path, named: str, out: str):
    arguments = [data if named == "file" else "-", "--out", data.parent / out, *EDITS]
    refused(tell("train", *arguments, stdin=data.read_bytes()), Path(out).name)


def test_a_folder_that_holds_a_run(whole: Path, data: Path):
    refused(tell("train", data, "--out", whole, *EDITS), "holds a run", "--resume")


@pytest.mark.parametrize(
    "options", [["--set", "training.steps=9"], ["--seed", "4"], ["--dev", "x"], ["--out", "y"], ["--text"]]
)
def test_what_a_run_cannot_change_is_refused(whole: Path, options: list[str]):
    assert tell("train", "--resume", whole, *options).code == 2


# ---------------------------------------------------------------------- a loss that is no number


def test_a_loss_that_is_no_number_stops_it_and_the_last_good_state_is_kept(data: Path, tmp_path: Path):
    edits = sets('training.schedule={"type":"RateDrop","at":6,"by":1e30}', "averaging=NoAverage")
    told = tell("train", data, "--out", tmp_path / "run", *EDITS, *edits)
    refused(told, "not a number at step 8", "batch of rows", "lower rate")
    kept = load_file(tmp_path / "run" / "last.safetensors")
    assert all(tensor.isfinite().all() for tensor in kept.values())
    assert tell("predict", tmp_path / "run", "-", stdin=b"ab\n").code == 0


def test_an_evaluation_that_is_no_number_is_not_kept(data: Path, tmp_path: Path):
    edits = sets("training.rate=1e30", "evaluation.every=1", "averaging=NoAverage")
    refused(tell("train", data, "--out", tmp_path / "run", *EDITS, *edits), "not a number")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    tensors, _ = read_checkpoint(tmp_path / "run" / "last.safetensors", TrainingFacts)
    assert tensors["trainer.step"] == 0
    assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()


# ---------------------------------------------------------------------- a disk that fills


def test_a_disk_that_fills_during_a_checkpoint(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write, written = checkpoint.write_atomically, []

    def full(path: Path, content: str | bytes) -> None:
        written.append(path.name)
        if len(written) == 5:  # the last at step 0, the best and the last at step 4 fit, the best at step 8 too
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_atomically", full)
        refused(tell("train", data, "--out", tmp_path / "run", *EDITS), ".safetensors", "no space left", "--resume")
    assert not (tmp_path / "run" / "result.json").exists()
    assert tell("train", "--resume", tmp_path / "run").code == 0
    assert losses(tmp_path / "run") == losses(whole)


# ---------------------------------------------------------------------- time that is up


def test_more_time_goes_on_where_less_ended(data: Path, whole: Path, tmp_path: Path):
    run = tmp_path / "run"
    assert tell("train", data, "--out", run, *EDITS, "--max-minutes", "0.0000001").code == 0
    assert tell("train", "--resume", run).out.startswith("finished")
    told = tell("train", "--resume", run, "--max-minutes", "9", "--json")
    assert json.loads(told.out)["steps"] == 8
    assert losses(run) == losses(whole)


def test_too_little_time_for_any_weights_promises_none(data: Path, tmp_path: Path):
    run = tmp_path / "run"
    told = tell("train", data, "--out", run, *EDITS, "--max-minutes", "0.0000001")
    assert (run / "model.safetensors").exists() or "seqwright predict" not in told.out


def test_a_run_that_goes_on_is_no_longer_finished(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = tmp_path / "run"
    tell("train", data, "--out", run, *EDITS, "--max-minutes", "0.0000001")

    def interrupted(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "train", interrupted)
        assert tell("train", "--resume", run, "--max-minutes", "9").code == 130
    assert tell("train", "--resume", run).out.startswith("done")


# ---------------------------------------------------------------------- data that is no longer what it was


def test_dev_rows_of_another_width_are_refused_at_once(data: Path, tmp_path: Path):
    (tmp_path / "three.tsv").write_text("".join(f"{line}\tV\n" for line in data.read_text().splitlines()))
    told = tell("train", tmp_path / "three.tsv", "--dev", data, "--out", tmp_path / "run", *EDITS)
    refused(told, "pairs.tsv:1: 1 tab")


def test_a_run_that_keeps_its_data_can_be_moved(data: Path, tmp_path: Path):
    assert tell("train", "-", "--out", tmp_path / "here", *EDITS, stdin=data.read_bytes()).code == 0
    (tmp_path / "here" / "result.json").unlink()
    (tmp_path / "here").rename(tmp_path / "there")
    told = tell("train", "--resume", tmp_path / "there")
    assert told.code == 0, told.err


def test_dev_rows_that_changed_are_refused(data: Path, tmp_path: Path):
    dev = write_pairs(tmp_path / "dev.tsv", rows=9, seed=1)
    assert tell("train", data, "--dev", dev, "--out", tmp_path / "run", *EDITS).code == 0
    (tmp_path / "run" / "result.json").unlink()
    dev.write_text(dev.read_text() + "a\tA\n")
    refused(tell("train", "--resume", tmp_path / "run"), "dev.tsv", "has changed")
    dev.unlink()
    refused(tell("train", "--resume", tmp_path / "run"), "dev.tsv")


# ---------------------------------------------------------------------- runs that somebody damaged


@pytest.mark.parametrize("part", ["model", "trainer", "generators", "average", "sampler", "selector"])
def test_a_checkpoint_without_a_part_is_refused(run: Path, part: str):
    path = run / "last.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(
        {name: tensor for name, tensor in load_file(path).items() if name.partition(".")[0] != part}, path, metadata
    )
    refused(tell("train", "--resume", run), "last.safetensors", "some tensors are missing")


@pytest.mark.parametrize(
    "more",
    [
        {"trainer.optimizer.x.y": torch.ones(1)},
        {"trainer.optimizer.head.bias.exp_avg": torch.ones(1)},
        {"sampler.epoch_start": torch.zeros(3, dtype=torch.uint8)},
        {"sampler.index": torch.tensor(9999)},
        {"sampler.index": torch.tensor(-5)},
        {"trainer.step": torch.tensor(-1)},
        {"trainer.step": torch.tensor(10**15)},
        {"selector.best_loss": torch.ones(2)},
        {"generators.0": torch.zeros(5056)},
        {"foo.bar": torch.ones(1)},
    ],
    ids=lambda more: f"{next(iter(more))}",
)
def test_a_checkpoint_with_foreign_parts_is_refused(run: Path, more: dict[str, torch.Tensor]):
    path = run / "last.safetensors"
    tensors, facts = read_checkpoint(path, TrainingFacts)
    write_checkpoint(path, tensors | more, facts)
    refused(tell("train", "--resume", run), "last.safetensors", next(iter(more)).partition(".")[0])


def _pickled(path: Path) -> None:
    torch.save({"a": 1}, path)


def _of_another_kind(path: Path) -> None:
    shutil.copy(path.with_name("model.safetensors"), path)


def _bare(path: Path) -> None:
    save_file({"a": torch.ones(1)}, path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_pickled, _of_another_kind, _bare, _folder, Path.write_bytes])
def test_what_is_no_checkpoint_is_refused(run: Path, spoil: Callable[..., object]):
    spoil(run / "last.safetensors", *([b""] if spoil is Path.write_bytes else []))
    refused(tell("train", "--resume", run), "last.safetensors")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", "[" * 100_000),
        ("run.json", "{}"),
        ("model.json", '{"type":"TransformerSpec"}'),
        ("vocabulary.json", "[]"),
        ("vocabulary.json", '{"type":"Symbols","symbols":["a","b"]}'),
        ("vocabulary.json", json.dumps({"type": "Symbols", "symbols": [chr(97 + number) for number in range(26)]})),
    ],
)
def test_a_file_of_a_run_that_does_not_fit_is_refused_by_its_name(run: Path, name: str, content: str):
    (run / name).write_text(content)
    refused(tell("predict", run, "-", stdin=b"ab\n"), name)


@pytest.mark.parametrize(("field", "value"), [("width", 10), ("width", 4 * 10**12), ("width", 32)])
def test_a_model_that_does_not_fit_is_refused(run: Path, field: str, value: int):
    spec = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps(spec | {field: value}))
    refused(tell("predict", run, "-", stdin=b"ab\n"), "model.")


@pytest.mark.parametrize("content", ["[" * 100_000 + "\n", '{"step":1,"loss":"x"}\n' * 20])
def test_measures_that_somebody_damaged_are_no_fault(run: Path, content: str):
    (run / "metrics.jsonl").write_text(content)
    assert tell("train", "--resume", run).code in (0, 2)
