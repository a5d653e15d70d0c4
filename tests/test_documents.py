"""The documents: their examples run, their names exist, and their links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

import seqwright
from tests.huggingface.models import model, tokenizer

ROOT = Path(__file__).parent.parent


def _python() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_readme_trains_on_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (code,) = (code for code in _python() if "sw.train" in code)
    assert "steps=300" in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("steps=300", "steps=3"), "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_readmes_python_answers(capsys: pytest.CaptureFixture[str]):
    (code,) = (code for code in _python() if "steps=1200" in code)
    exec(compile(code.replace("steps=1200", "steps=3"), "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" → ")[0] for line in printed] == ["0000", "1111", "111", "000", "0", "1", "0101", "1010"]


def test_the_example_runs(capsys: pytest.CaptureFixture[str]):
    spec = importlib.util.spec_from_file_location("look_inside", ROOT / "examples" / "look_inside.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(steps=3)
    first = capsys.readouterr().out.splitlines()[1].split()
    assert sum(map(float, first)) == pytest.approx(1, abs=0.03)


@pytest.mark.filterwarnings("ignore")
def test_the_articles_sentences_are_asked_of_any_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    spec = importlib.util.spec_from_file_location("article_sentences", ROOT / "examples" / "article_sentences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model("bert").save_pretrained(tmp_path / "bert")
    tokenizer().save_pretrained(tmp_path / "bert")
    module.main(str(tmp_path / "bert"), tmp_path / "page.html")
    printed = capsys.readouterr().out
    assert "cat attends to chased  most in layer" in printed
    assert "article&#x27;s sentences" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", seqwright.__all__)
def test_every_public_name_is_there(name: str):
    assert getattr(seqwright, name) is not None


def test_links_in_documents_lead_somewhere():
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")):
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
