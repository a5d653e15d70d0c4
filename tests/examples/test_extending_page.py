"""The page on ideas of one's own names every example, and what it shows works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import seqwright as sw
from seqwright.core.imports import import_module_of_parts
from seqwright.core.model import ModelSpec
from seqwright.core.place import kind_called
from seqwright.doctor import assert_healthy
from tests.cli.test_own_data import tell
from tests.examples.test_extend import EXAMPLES, FEW_GRU, ROOT, TINY
from tests.runs.small import write_pairs

PAGE = (ROOT / "docs" / "extending.md").read_text()


def test_every_example_has_a_section_with_its_command():
    for path in EXAMPLES:
        assert f"[`{path.name}`](../examples/extend/{path.name})" in PAGE
        assert f"$ seqwright --import examples/extend/{path.name} " in PAGE
    assert set(re.findall(r"examples/extend/(\w+\.py)", PAGE)) == {path.name for path in EXAMPLES}


def test_links_within_the_page_lead_to_headings():
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#(.*?)\)", PAGE)) <= anchors


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's whole family, as a file."""
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Elman(" in code)
    path = tmp_path_factory.mktemp("family") / "elman.py"
    path.write_text(code)
    return path


def test_the_pages_family_trains_answers_and_is_healthy(family: Path):
    run = family.parent / "run"
    data = write_pairs(family.parent / "pairs.tsv")
    told = tell("--import", family, "train", data, "--model", "Elman", "--out", run, *FEW_GRU)
    assert told.code == 0, told.err
    assert json.loads((run / "run.json").read_text())["recipe"]["model"]["type"] == "Elman"
    answered = tell(
        "predict",
        run,
        "-",
        "--beam",
        "2",
        stdin=b"abc\n",
    )
    assert answered.out.startswith("abc\t")
    assert (
        "forms no attention weights"
        in tell("attention", run, "--source", "abc", "-o", family.parent / "page.html").line
    )


def test_the_pages_family_is_healthy(family: Path):
    import_module_of_parts(str(family))
    assert_healthy(sw.build(kind_called(ModelSpec, "Elman")()))


def test_the_pages_study_compares_the_pages_family(family: Path, tmp_path: Path):
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class FamilyStudy(" in code)
    study = tmp_path / "compared.py"
    study.write_text(code.replace('name = "families"', 'name = "compared"').replace("FamilyStudy", "ComparedFamilies"))
    options = ["--task", "reverse:symbols=3", "--set", 'families=[{"type":"Elman","width":8}]', *TINY, "--seeds", "2"]
    told = tell("--import", family, "--import", study, "study", "compared", *options, "--workers", "1", "--out", tmp_path / "out", "--json")  # fmt: skip
    assert told.code == 0, told.err
    assert [each["part"] for each in json.loads(told.out)["effects"]] == ["Elman"]
