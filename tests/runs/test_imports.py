"""Parts of a user's own: imported by name for any verb, recorded in the run, and never imported because a run names them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import seqwright as sw
from seqwright.core.errors import SeqwrightError
from seqwright.core.imports import import_module_of_parts
from tests.cli.test_own_data import FEW, tell
from tests.runs.small import seqwright, sets, write_pairs

PARTS = '''"""Parts."""

from seqwright.core.spec import Spec
from seqwright.training.schedule import Schedule


class {name}(Spec, Schedule):
    """Half the highest rate at every step."""

    def factor(self, step: int, steps: int) -> float:
        return 0.5
'''


def test_a_run_with_parts_of_its_own_says_so_and_asks_for_them(tmp_path: Path):
    data, parts = write_pairs(tmp_path / "pairs.tsv"), tmp_path / "half_parts.py"
    parts.write_text(PARTS.format(name="HalfRate"))
    options = ["train", data, "--out", tmp_path / "run", *FEW, *sets("training.schedule=HalfRate")]
    assert "there is no Schedule called HalfRate" in seqwright(*options, code=2).stderr
    seqwright("--import", parts, *options)
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    sha256 = hashlib.sha256(parts.read_bytes()).hexdigest()
    assert manifest["imports"] == [{"type": "ImportedModule", "name": "half_parts.py", "sha256": sha256}]
    (tmp_path / "q.txt").write_text("ab\n")
    for verb in (["predict", tmp_path / "run", tmp_path / "q.txt"], ["train", "--resume", tmp_path / "run"]):
        error = seqwright(*verb, code=2).stderr
        assert "this run has parts of half_parts.py; add --import half_parts.py" in error
    (tmp_path / "run" / "result.json").unlink()
    parts.write_text(parts.read_text() + "\n")
    done = seqwright("train", "--resume", tmp_path / "run", "--import", parts)  # anywhere on the line
    assert "half_parts.py has changed since the run began" in done.stderr
    parts.write_text(parts.read_text() + "\n")
    answered = seqwright("predict", tmp_path / "run", tmp_path / "q.txt", "--import", parts)
    assert "half_parts.py has changed since the run was trained: its answers may differ" in answered.stderr
    assert answered.stdout.startswith("ab\t")


def test_an_error_in_an_imported_file_names_its_line(tmp_path: Path):
    data, parts = write_pairs(tmp_path / "pairs.tsv"), tmp_path / "wrong_rate.py"
    parts.write_text(PARTS.format(name="BrokenRate").replace("return 0.5", "return self.half"))
    options = ["--out", tmp_path / "run", *FEW, *sets("training.schedule=BrokenRate")]
    told = tell("train", data, *options, "--import", parts)
    assert told.code == 2
    assert f"{parts}:11: AttributeError" in told.err
    assert "mend the imported file" in told.err


def test_imports_that_are_not_used_are_not_asked_for(tmp_path: Path):
    parts = tmp_path / "unused_parts.py"
    parts.write_text(PARTS.format(name="UnusedRate"))
    found = tell("--import", parts, "train", write_pairs(tmp_path / "pairs.tsv"), "--out", tmp_path / "run", *FEW)
    assert found.code == 0, found.err
    assert sw.load(tmp_path / "run").manifest.imports == ()


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("absent.py", None, "there is no such file"),
        ("absent_module", None, "ModuleNotFoundError"),
        ("broken_parts.py", "1 +", "SyntaxError"),
        ("raising_parts.py", "raise OSError('x')", "OSError: x"),
        ("json.py", "", "another module is called json"),
    ],
)
def test_what_cannot_be_imported_is_one_line(tmp_path: Path, name: str, content: str | None, part: str):
    if content is not None:
        (tmp_path / name).write_text(content)
    found = tell("--import", tmp_path / name if name.endswith(".py") else name, "predict", tmp_path)
    assert found.code == 2
    assert part in found.line


def test_a_module_may_import_those_beside_it(tmp_path: Path):
    (tmp_path / "beside_parts.py").write_text("VALUE = 1")
    (tmp_path / "main_parts.py").write_text("from beside_parts import VALUE")
    import_module_of_parts(str(tmp_path / "main_parts.py"))
    import_module_of_parts(str(tmp_path / "main_parts.py"))  # once more changes nothing
    with pytest.raises(SeqwrightError, match="there is no such file"):
        import_module_of_parts(str(tmp_path / "other_parts.py"))


def test_kinds_that_do_not_exist_are_answered_with_those_that_do(tmp_path: Path):
    options = ["train", write_pairs(tmp_path / "pairs.tsv"), "--out", tmp_path / "run", *FEW]
    for edit, known in (
        ("training.schedule=Constant", "ConstantRate ("),
        ("averaging=Moving", "MovingAverage ("),
        ("batching=Tokens", "TokenBatches ("),
        ("training.optimiser=AdamW", "Adam ("),
        ("model.encoder.blocks.mixer.mask=Band", "CausalMask ("),
    ):
        line = tell(*options, "--set", edit).line
        assert "; choose one of: " in line
        assert known in line
        assert "to_json" not in line
