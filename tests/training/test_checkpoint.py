from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.training.checkpoint import Checkpoint, ModelWeights, load_weights, read_checkpoint, write_checkpoint


class Facts(Spec):
    step: int


def test_what_is_written_is_read(tmp_path: Path):
    tensors = {"a.b": torch.arange(6.0).view(2, 3), "bytes": torch.arange(4, dtype=torch.uint8)}
    write_checkpoint(tmp_path / "x.safetensors", tensors, Facts(step=7))
    read, facts = read_checkpoint(tmp_path / "x.safetensors", Facts)
    assert facts == Facts(step=7)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_what_is_written_twice_is_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        write_checkpoint(tmp_path / name, {"b": torch.ones(2), "a": torch.zeros(1)}, Facts(step=7))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\x80\x04pickle" + b])
def test_a_damaged_file_is_refused(tmp_path: Path, damage):
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, {"a": torch.ones(9)}, Facts(step=1))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SeqwrightError, match="damaged"):
        read_checkpoint(path, Facts)


def test_a_missing_file_and_foreign_weights_are_refused(tmp_path: Path):
    with pytest.raises(SeqwrightError, match="missing"):
        read_checkpoint(tmp_path / "none", Facts)
    with pytest.raises(SeqwrightError, match="not the weights of this model"):
        load_weights(torch.nn.Linear(2, 2), {"weight": torch.ones(3, 2), "bias": torch.ones(2)}, tmp_path)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, {"a": torch.ones(2)}, Facts(step=1))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SeqwrightError, match="no space left"):
        write_checkpoint(path, {"a": torch.zeros(2)}, Facts(step=2))
    assert read_checkpoint(path, Facts)[1].step == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_checkpoint_keeps_every_part_under_its_name(tmp_path: Path):
    one, other = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    state = Checkpoint(tmp_path / "x", {"model": ModelWeights(one)}).state()
    assert list(state) == ["model.weight", "model.bias"]
    write_checkpoint(tmp_path / "x", state, Facts(step=7))
    assert Checkpoint(tmp_path / "x", {"model": ModelWeights(other)}).restore(Facts) == Facts(step=7)
    assert torch.equal(one.weight, other.weight)


def test_a_part_that_is_unknown_or_not_whole_is_refused_by_name(tmp_path: Path):
    checkpoint = Checkpoint(tmp_path / "x", {"model": ModelWeights(torch.nn.Linear(2, 3))})
    write_checkpoint(tmp_path / "x", checkpoint.state() | {"teacher.weight": torch.ones(1)}, Facts(step=7))
    with pytest.raises(SeqwrightError, match="does not fit this run: teacher"):
        checkpoint.restore(Facts)
    header = json.dumps({"facts": json.loads(Facts(step=7).to_json()), "sizes": {"model": 2}})
    save_file({"model.bias": torch.ones(3)}, tmp_path / "x", {"seqwright": header})
    with pytest.raises(SeqwrightError, match="some tensors are missing"):
        checkpoint.restore(Facts)


def test_tied_weights_are_kept_and_read(tmp_path: Path):
    tied = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(3, 2), "head": torch.nn.Linear(2, 3, bias=False)})
    tied["head"].weight = tied["embedding"].weight
    write_checkpoint(tmp_path / "x", tied.state_dict(), Facts(step=1))
    expected = tied["head"].weight.detach().clone()
    torch.nn.init.zeros_(tied["head"].weight)
    load_weights(tied, read_checkpoint(tmp_path / "x", Facts)[0], tmp_path)
    assert torch.equal(tied["embedding"].weight, expected)
