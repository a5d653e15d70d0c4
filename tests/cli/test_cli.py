from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PAIRS = "".join(f"{a}{b}{c}\t{c}{b}{a}\n" for a in "abc" for b in "abcd" for c in "abc")


def seqwright(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seqwright", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "reversed.tsv"
    path.write_text(PAIRS)
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "--seeds 0 is too few"),
        (["--device", "cuda"], "no CUDA device"),
        (["--device", "tpu"], "--device tpu is not known"),
        (["--set", "steps=5"], "--set steps=5 needs --pairs"),
        (["--pairs", "missing.tsv"], "missing.tsv: cannot be read: no such file"),
        (["--pairs", "empty.tsv"], "empty.tsv: the file is empty"),
        (["--pairs", "bad.tsv"], "bad.tsv:2: no tab on this line"),
        (["--pairs", "nul.tsv"], "nul.tsv:1: a NUL byte"),
        (["--pairs", "latin.tsv"], "latin.tsv:1: byte 1 of this line is not UTF-8"),
        (["--pairs", "few.tsv"], "few.tsv: 1 different sources are too few"),
        (["--out", "/proc/nowhere"], "/proc/nowhere: cannot be written to"),
        (["--out", "foreign"], "foreign: the folder holds something else"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path: Path, arguments: list[str], told: str):
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "bad.tsv").write_text("a\tb\nno tab here\n")
    (tmp_path / "nul.tsv").write_bytes(b"a\0\tb\n")
    (tmp_path / "latin.tsv").write_bytes(b"\xe9\tb\n")
    (tmp_path / "few.tsv").write_text("a\tb\n")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("dear")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    if "cuda" in arguments:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has CUDA")
    done = seqwright("study", "ladder", *arguments, cwd=tmp_path)
    assert all(done.stderr.splitlines())
    last = done.stderr.splitlines()[-1]  # before it may stand what was read
    assert told in last
    assert "; " in last  # the mend
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_debug_shows_the_traceback(tmp_path: Path):
    done = seqwright("--debug", "study", "ladder", "--seeds", "0", cwd=tmp_path)
    assert "Traceback" in done.stderr


def test_help_needs_no_torch(tmp_path: Path):
    code = "import sys, seqwright; sys.argv = ['seqwright', '--help']\nfrom seqwright.cli.main import main\n" + (
        "try:\n    main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules, 'torch'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "study" in done.stdout


def test_a_ladder_on_ones_own_file(tmp_path: Path, pairs: Path):
    arguments = ["study", "ladder", "--pairs", str(pairs), "--seeds", "2", *SHORT, "--json"]
    done = seqwright(*arguments, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "36 pairs (0 of them repeats, 36 different sources)" in done.stderr
    assert "models: width 8, 1 layer a side, 2 heads; 3 steps" in done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"study", "seeds", "table", "effects", "claims", "notes"}
    table = found["table"]
    assert [cell["base"] for cell in table["cells"]] == ["token", "masked", "positions"] + ["padding"] * 6
    for record in table["measurements"]:
        assert set(record) == {"base", "variant", "task", "seed", "measure", "group", "value"}
    measures = {record["measure"] for record in table["measurements"]}
    assert {"train loss", "eval loss", "exact match", "exact match alone", "parameters", "signature"} <= measures
    assert len(table["answers"]) == 3 * len(table["cells"])  # a tenth of the file, held out
    assert found == json.loads((tmp_path / "out" / "results.json").read_text())
    report = (tmp_path / "out" / "report.html").read_text()
    assert "plain" in report
    assert "not applicable" in report


def test_a_finished_study_started_again_has_the_same_results(tmp_path: Path, pairs: Path):
    arguments = ["study", "ladder", "--pairs", str(pairs), "--seeds", "1", *SHORT, "--json"]
    one, two = (json.loads(seqwright(*arguments, cwd=tmp_path).stdout) for _ in range(2))
    assert one == two


OWN_STUDY = """
from seqwright import Spec
from seqwright.studies.study import Study, cell
from seqwright.tasks.algorithmic import Copy


class DepthStudy(Spec, Study):
    '''A study of depth.'''

    name = "my-depth"
    question = "Is depth needed?"
    tasks: tuple[Copy, ...] = (Copy(symbols=3),)
    depths: tuple[int, ...] = (1, 2)

    def cells(self, sources):
        return [cell(source, f"{n}-layers", {"decoder.layers": n}) for source in sources for n in self.depths]
"""


def test_a_study_of_ones_own_is_a_command(tmp_path: Path):
    (tmp_path / "my_study.py").write_text(OWN_STUDY)
    own = ["--import", "my_study.py", "study"]
    assert "Is depth needed?" in seqwright(*own, "--help", cwd=tmp_path).stdout
    done = seqwright(*own, "my-depth", "--set", "depths=[1]", *TINY, "--seeds", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [cell["variant"] for cell in json.loads(done.stdout)["table"]["cells"]] == ["1-layers"]
    assert "Is depth needed?" in (tmp_path / "seqwright-out" / "my-depth-copy-1" / "report.html").read_text()
    quick = seqwright(*own, "my-depth", "--quick", cwd=tmp_path)
    assert "study my-depth has no quick form; leave --quick out" in quick.stderr


SHORT = ["--set", "steps=3", "--set", "width=8"]
TINY = [part for edit in ("steps=2", "batch=4", "train=40", "test=6", "width=8") for part in ("--set", edit)]


def test_a_study_prints_one_object_and_leaves_its_page_in_its_folder(tmp_path: Path):
    command = [
        "study",
        "batching",
        "--quick",
        "--task",
        "reverse:symbols=3",
        "--seeds",
        "2",
        "--workers",
        "1",
        "--out",
        "here",
        *TINY,
    ]
    done = seqwright(*command, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(cell["variant"], cell["task"]) for cell in found["table"]["cells"]] == [
        ("padded", "reverse"), ("buckets", "reverse"), ("one-length", "reverse"),
    ]  # fmt: skip
    assert {each["verdict"] for each in found["effects"]}
    assert (tmp_path / "here" / "report.html").read_text().count("reverse") > 3
    assert "3 cells × 2 seeds in 3 work units: " in done.stderr
    (tmp_path / "here" / "cells" / sorted(path.name for path in (tmp_path / "here" / "cells").iterdir())[0]).unlink()
    assert "in 3 work units, 1 left to do: " in seqwright(*command, cwd=tmp_path).stderr
    assert "in 3 work units, 0 left to do: all is done already" in seqwright(*command, cwd=tmp_path).stderr
    compared = seqwright("study", "compare", "here", "here", "--out", "both", "--json", cwd=tmp_path)
    assert len(json.loads(compared.stdout)["effects"]) == 3
    assert (tmp_path / "both" / "report.html").exists()
    other = seqwright(*command[: -len(TINY) - 2], "--out", "here", cwd=tmp_path)
    assert other.returncode == 2
    assert "the folder holds another study" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["parts", "--task", "sort"], "--task sort is not known; the tasks are associative-recall, bucket-sort, copy"),
        (["parts", "--task", "copy:colour=3"], "--task copy:colour=3: colour: Copy has no part 'colour'"),
        (["parts", "--task", "copy:symbols=0"], "--task copy:symbols=0"),
        (["positions", "--task", "copy", "--pairs", "pairs.tsv"], "--task and --pairs exclude one another"),
        (["noise", "--split-target-on", " "], "need --pairs"),
        (["lengths", "--pairs", "missing.tsv"], "missing.tsv: cannot be read: no such file"),
        (["vocabulary", "--task", "parity"], "the number of symbols of parity is fixed"),
        (["per-task", "--task", "copy"], "one task alone is no mixture"),
        (["parts", "--set", "width=0"], "--set width=0"),
        (["parts", "--set", "heads=3"], "a width of 16 cannot be divided into 3 heads"),
        (["scale", "--seeds", "0"], "--seeds 0 is too few"),
        (["compare", "nowhere", "nowhere"], "holds no finished study"),
    ],
)
def test_a_mistake_about_a_study_is_one_line(tmp_path: Path, arguments: list[str], told: str):
    done = seqwright("study", *arguments, cwd=tmp_path)
    assert told in done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_tasks_are_listed_with_a_row_of_each(tmp_path: Path):
    done = seqwright("study", "tasks", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("→") == 16
