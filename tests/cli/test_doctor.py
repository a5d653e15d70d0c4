from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import seqwright
from tests.cli.test_own_data import run, tell, text_run  # noqa: F401  # fixtures

MINE = """
import torch
from torch import nn
from seqwright.doctor import Contract

class GPT(nn.Module):
    def __init__(self, hides):
        super().__init__()
        self.token, self.place = nn.Embedding(20, 16), nn.Embedding(32, 16)
        self.read, self.head, self.hides = nn.Linear(16, 48), nn.Linear(16, 20), hides

    def forward(self, ids):
        x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        query, key, value = self.read(x).chunk(3, -1)
        ahead = torch.ones(ids.shape[1], ids.shape[1]).triu(self.hides).bool()
        return self.head(x + (query @ key.mT / 4).masked_fill(ahead, float("-inf")).softmax(-1) @ value)

CONTRACT = Contract(kind="decoder", vocabulary=20, max_length=32)

def healthy():
    return GPT(1), CONTRACT

def leaking():
    return GPT(2), CONTRACT, {"examples": {"ids": torch.zeros(1, 3, dtype=torch.long)}}

def strange():
    return GPT(1), CONTRACT, {"temperature": 1}

def nothing():
    return None
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_the_exit_code_says_whether_it_is_healthy(here: Path):
    done = seqwright("doctor", "mine:healthy", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no check failed" in done.stdout
    done = seqwright("doctor", "mine:leaking", "--html", "out/report.html", "--json", cwd=here)
    assert done.returncode == 1, done.stderr
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["future-leak"]["verdict"] == "fail"
    assert found["future-leak"]["counterexample"]["first"]["ids"]
    assert "future-leak" in (here / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nowhere", "is not a run, a Hugging Face folder"),
        ("mine:missing", "cannot be imported"),
        ("absent:model", "cannot be imported"),
        ("mine:strange", "returns an unknown 'temperature'"),
        ("mine:nothing", "returns NoneType"),
    ],
)
def test_what_cannot_be_examined_is_one_line_and_exit_code_2(here: Path, target: str, told: str):
    done = seqwright("doctor", target, cwd=here)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["run", "text_run"])
def test_a_run_brings_its_rows_and_its_loss(folder: str, request: pytest.FixtureRequest):
    told = tell("doctor", request.getfixturevalue(folder), "--json")
    assert told.code == 0, told.err
    found = {finding["check"]: finding["verdict"] for finding in json.loads(told.out)["findings"]}
    assert found["target-shift"] == "pass"
    assert found["labels-without-eos"] == ("pass" if folder == "run" else "not-examined")
    assert found["cache-mismatch"] == "pass"
