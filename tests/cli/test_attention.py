"""``attention`` and ``heads`` on the command line: runs and Hugging Face folders, and every mistake answered in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_own_data import run, tell, text_run  # noqa: F401  # fixtures
from tests.heads.test_heads import CONLLU, LINES
from tests.huggingface.models import model, tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a BERT of two layers with its tokenizer."""
    made = tmp_path_factory.mktemp("bert")
    model("bert").save_pretrained(made)
    tokenizer().save_pretrained(made)
    return made


def test_a_runs_generation_is_a_page(run: Path, tmp_path: Path):  # noqa: F811
    result = tell("attention", run, "--source", "abca", "-o", tmp_path / "page.html", "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    kinds = {record["kind"]: record for record in found["passes"][0]["attention"]}
    assert list(kinds) == ["encoder", "decoder", "cross"]
    assert kinds["cross"]["key_tokens"] == kinds["encoder"]["tokens"]
    page = (tmp_path / "page.html").read_text()
    assert found["bytes"] == len(page.encode())
    assert "default-src 'none'" in page


def test_a_text_is_read_or_continued(text_run: Path, tmp_path: Path):  # noqa: F811
    out = tmp_path / "page.html"
    read = json.loads(tell("attention", text_run, "--text", "to be", "-o", out, "--json").out)
    more = json.loads(tell("attention", text_run, "--text", "to be", "--limit", "3", "-o", out, "--json").out)
    lengths = [len(each["passes"][0]["attention"][0]["tokens"]) for each in (read, more)]
    assert lengths == [5, 7]  # the last of three is generated and not read


def test_a_text_is_continued_to_the_last_position(text_run: Path, tmp_path: Path):  # noqa: F811
    result = tell("attention", text_run, "--text", "to be or", "--generate", "-o", tmp_path / "page.html")
    assert result.code == 0, result.err
    assert "Generation stops after" in result.out


def test_unknown_symbols_of_an_answer_are_reported(run: Path, tmp_path: Path):  # noqa: F811
    result = tell("attention", run, "--source", "abc", "--target", "CBX", "-o", tmp_path / "page.html")
    assert result.code == 0
    assert "'X' 1×" in result.err


def test_two_texts_are_compared(folder: Path, tmp_path: Path):
    result = tell("attention", folder, "--text", "the cat was scared .", "--compare-text", "the cat was hungry .", "--layers", "1", "--heads", "0,2-3", "-o", tmp_path / "page.html")  # fmt: skip
    assert result.code == 0, result.err
    assert "A: the cat was scared .: encoder, 1 layers × 3 heads, 8 × 8 tokens" in result.out
    assert "B: the cat was hungry .: encoder" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "x", "--source", "y"], "--text and --source exclude each other"),
        ([], "there is no text to read"),
        (["--text", "x", "--target", "y"], "--target belongs to --source"),
        (["--source", "x", "--pair", "y"], "--pair belongs to --text"),
        (["--text", "x", "--layers", "9"], "there is no layer 9"),
        (["--text", "x", "--heads", "a-2"], "--heads a-2 is not a list of numbers"),
        (["--text", "x", "--limit", "0"], "--limit 0 is too few"),
        (["--text", "x", "--generate"], "does not generate"),
        (["--source", "x", "--target", "y", "--beam", "2"], "give one of the two"),
        (["--text", "the " * 80], "and the model has 64 positions"),
        (["--text", "x", "--compare", "nowhere"], "nowhere: there is no run and no Hugging Face model"),
        (["--text", "x", "-o", "nowhere/page.html"], "its folder does not exist"),
    ],
)
def test_a_mistake_in_attention_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch, arguments: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    found = tell("attention", folder, *arguments)
    assert found.code == 2
    assert message in found.line
    assert not (tmp_path / "attention.html").exists()


def test_heads_of_a_hugging_face_model(folder: Path, tmp_path: Path):
    (tmp_path / "trees.conllu").write_text(CONLLU.replace("The", "the").replace("cat", "cat") * 40)
    (tmp_path / "pairs.txt").write_text(LINES)
    options = ["--treebank", tmp_path / "trees.conllu", "--coreference", tmp_path / "pairs.txt"]
    result = tell("heads", folder, *options, "--json", "--layers", "1")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert {role["kind"] for role in found["roles"]} == {"encoder"}
    assert found["roles"][0]["layers"] == [1]
    assert {each["name"] for each in found["relations"]["relations"]} >= {"all", "det", "nsubj"}
    assert all(each["layer"] == 1 for each in found["relations"]["relations"])
    assert found["coreference"]["sentences"] == 2
    result = tell("heads", folder, *options, "--html", tmp_path / "page.html")
    assert "relations, 40 sentences" in result.out
    assert "Grammatical relations" in (tmp_path / "page.html").read_text()


def test_heads_of_a_run(run: Path, tmp_path: Path):  # noqa: F811
    (tmp_path / "texts.txt").write_text("abca\ndda\tADD\n")
    result = tell("heads", run, "--text", tmp_path / "texts.txt")
    assert result.code == 0, result.err
    assert all(f"{kind}, 2 texts" in result.out for kind in ("encoder", "decoder", "cross"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no text to read"),
        (["--text", "absent.txt"], "the texts cannot be read"),
        (["--text", "empty.txt"], "there is no text in it"),
        (["--text", "empty.txt", "--treebank", "empty.txt"], "symbols are not words"),
        (["--text", "empty.txt", "--html", "nowhere/x.html"], "its folder does not exist"),
    ],
)
def test_a_mistake_in_heads_is_one_line(run: Path, tmp_path: Path, monkeypatch, arguments: list[str], message: str):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    found = tell("heads", run, *arguments)
    assert found.code == 2
    assert message in found.line
