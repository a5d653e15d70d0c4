"""Two processes with half of each batch take the steps of one with the whole of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.small import SMALL, environment, losses, seqwright, sets, write_pairs

STILL = sets(*SMALL, "training.steps=20", "training.precision=float64", "training.accumulate=2",
             *(f"model.{side}.{kind}=0" for side in ("encoder", "decoder") for kind in ("blocks.dropout", "embedding_dropout")),
             )  # fmt: skip


LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo"} if Path("/sys/class/net/lo").exists() else {}
"""Processes of one machine need no name of it that others could reach."""


def _together(*arguments: str | Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "seqwright", *map(str, arguments)],
        env=environment(**LOOPBACK), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path):
    data = write_pairs(tmp_path / "pairs.tsv")
    seqwright("train", data, "--out", tmp_path / "one", *STILL)
    _together("train", data, "--out", tmp_path / "two", *STILL)
    for one, two in zip(losses(tmp_path / "one"), losses(tmp_path / "two"), strict=True):
        assert one == pytest.approx(two, rel=0, abs=1e-10)


@pytest.mark.slow
def test_what_two_began_one_can_finish(tmp_path: Path):
    data = write_pairs(tmp_path / "pairs.tsv")
    seqwright("train", data, "--out", tmp_path / "one", *STILL)
    _together("train", data, "--out", tmp_path / "two", *STILL, "--max-minutes", "0.0001")
    begun = len(losses(tmp_path / "two"))
    seqwright("train", "--resume", tmp_path / "two", "--max-minutes", "10")
    assert begun < len(losses(tmp_path / "two"))
    for one, two in zip(losses(tmp_path / "one"), losses(tmp_path / "two"), strict=True):
        assert one == pytest.approx(two, rel=0, abs=1e-10)
