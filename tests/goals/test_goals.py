"""Goals by name, and a goal from outside the package through every verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import seqwright as sw
from tests.cli.test_own_data import FEW, FEW_TEXT, tell
from tests.runs.small import losses, write_pairs

PARTS = Path(__file__).parent.parent.parent / "examples" / "extend" / "masked_tokens.py"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("to be or not to be\n" * 80)
    return path


@pytest.fixture(scope="module")
def run(text: Path) -> Path:
    out = text.parent / "masked"
    found = tell("--import", PARTS, "train", text, "--goal", "MaskedTokens", "--out", out, *FEW_TEXT)
    assert found.code == 0, found.err
    return out


def test_a_goal_from_outside_trains_continues_and_is_evaluated(run: Path, text: Path, tmp_path: Path):
    recipe = json.loads((run / "run.json").read_text())["recipe"]
    assert recipe["goal"] == {"type": "MaskedTokens", "rate": 0.15, "blank": "_"}
    options = [text, "--goal", '{"type":"MaskedTokens","rate":0.3}', "--out", tmp_path / "run", *FEW_TEXT]
    assert tell("train", *options, "--max-minutes", "0.0000001", "--import", PARTS).code == 0
    assert tell("train", "--resume", tmp_path / "run", "--max-minutes", "1").code == 0
    assert len([line for line in losses(tmp_path / "run") if "loss" in line]) == 2
    assert "loss" in json.loads(tell("evaluate", run, text, "--json").out)


def test_a_goal_from_outside_answers_in_its_own_way(run: Path):
    found = tell("predict", run, "-", stdin=b"to _e or n_t\nto be\n")
    assert found.code == 0, found.err
    first, second = found.out.splitlines()
    assert (first[:3], first[4:10], first[11:]) == ("to ", "e or n", "t")
    assert "_" not in first
    assert second == "to be"


def test_the_doctor_takes_what_a_goal_decides(run: Path):
    found = tell("doctor", run, "--json")
    assert found.code in (0, 1), found.err
    failed = [each["check"] for each in json.loads(found.out)["findings"] if each["verdict"] == "fail"]
    assert "future-leak" not in failed


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--goal", "Foretelling"], "there is no Goal called Foretelling"),
        (["--goal", "Foretelling"], "Continuation (Running text"),
        (["--goal", "Transduction", "--text"], "Transduction is for pairs"),
        (["--goal", '{"type":"Continuation","x":1}'], "unknown field `x`"),
        (["--goal", "{"], "this is not a Goal"),
        (["--text", "--set", 'goal={"type":"Transduction"}'], "--set cannot change the goal"),
    ],
)
def test_a_goal_that_does_not_fit_is_refused(text: Path, tmp_path: Path, options: list[str], part: str):
    found = tell("train", text, "--out", tmp_path / "run", *FEW_TEXT, *options)
    assert found.code == 2
    assert part in found.line
    assert not (tmp_path / "run").exists()


def test_a_dev_answer_may_be_any_of_a_sources_targets(tmp_path: Path):
    """As `seqwright evaluate` counts: each source once, whatever number of targets it has."""
    data = tmp_path / "pairs.tsv"
    data.write_text("".join(f"{source}\t{target}\n" for source in "abcd" for target in "AB"))
    options = ["--set", "training.steps=60", "--set", "evaluation.every=60", "--set", "training.rate=0.02"]
    found = tell("train", data, "--dev", data, "--out", tmp_path / "run", *FEW, *options, "--json")
    last = json.loads(found.out)["dev_exact_match"]
    assert last == json.loads(tell("evaluate", tmp_path / "run", data, "--json").out)["exact_match"]
    assert last == 1


def test_a_single_text_is_one_prompt(tmp_path: Path):
    run = sw.train(
        write_pairs(tmp_path / "pairs.tsv"), out=tmp_path / "run", edits=[each for each in FEW if each != "--set"]
    )
    assert run.predict("abc") == run.predict(["abc"])


def test_a_family_by_name(text: Path, tmp_path: Path):
    found = tell("train", text, "--text", "--model", "TransformerSpec", "--out", tmp_path / "run", *FEW_TEXT)
    assert "TransformerSpec has no default" in found.line
    found = tell("train", text, "--text", "--model", "nowhere", "--out", tmp_path / "run", *FEW_TEXT)
    assert "nanogpt-gpu" in found.line
