from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.studies.measures import GradientReach
from seqwright.studies.store import Store
from seqwright.studies.table import SECONDS, ResultTable
from tests.studies.small import small_study

DYING = """
import multiprocessing, os, signal, sys
from pathlib import Path
from tests.studies.small import small_study

def watch(done, total, units, all_units):
    if units >= {after}:
        victims = multiprocessing.active_children() if "{victim}" == "worker" else []
        for victim in victims[:1]:
            os.kill(victim.pid, signal.SIGKILL)
        if not victims:
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    small_study().run(Path(sys.argv[1]), workers=2, progress=watch)
"""


def _table(folder: Path, **kind: int) -> ResultTable:
    return timeless(small_study(**kind).run(folder, workers=1))


def timeless(table: ResultTable) -> ResultTable:
    """Return a table without the measurements of time."""
    kept = [record for record in table.measurements if record.measure != SECONDS]
    return msgspec.structs.replace(table, measurements=kept)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> ResultTable:
    return _table(tmp_path_factory.mktemp("undisturbed") / "study")


def test_a_killed_study_started_again_ends_with_the_same_table(tmp_path: Path, undisturbed: ResultTable):
    folder = tmp_path / "study"
    for after in (0, 1, 2):
        killed = subprocess.run(
            [sys.executable, "-c", DYING.format(after=after, victim="parent"), str(folder)],
            capture_output=True,  # returns only when the workers, who share the pipe, have ended too
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert len(list((folder / "cells").glob("*.json"))) >= after
    assert _table(folder) == undisturbed


def test_nothing_finished_is_done_again(tmp_path: Path, undisturbed: ResultTable):
    folder = tmp_path / "study"
    _table(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert len(before) == 3
    assert _table(folder) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()} == before


def test_a_damaged_unit_is_done_again(tmp_path: Path, undisturbed: ResultTable):
    folder = tmp_path / "study"
    _table(folder)
    unit = sorted((folder / "cells").iterdir())[0]
    unit.write_bytes(unit.read_bytes()[:100])
    assert _table(folder) == undisturbed


def test_a_worker_that_keeps_dying_is_given_up_on_with_its_name(tmp_path: Path):
    killed = subprocess.run(
        [sys.executable, "-c", KILLING_WORKERS, str(tmp_path / "study")], capture_output=True, check=False, text=True
    )
    assert "was killed 3 times" in killed.stderr
    assert "--workers" in killed.stderr


def test_workers_that_cannot_even_start_are_given_up_on(tmp_path: Path):
    """A script without a main guard: every worker imports it, starts a study of its own, and dies of that."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.studies.small import small_study\n"
        f"small_study(cells=1).run(Path({str(tmp_path / 'study')!r}), workers=1)\n"
    )
    failed = subprocess.run([sys.executable, str(script)], capture_output=True, check=False, text=True)
    assert failed.returncode == 1
    assert "was killed 3 times" in failed.stderr


KILLING_WORKERS = """
import multiprocessing, os, signal, sys
from pathlib import Path
from tests.studies.small import small_study

def watch(done, total, units, all_units):
    if done > 0:
        for victim in multiprocessing.active_children():
            os.kill(victim.pid, signal.SIGKILL)

if __name__ == "__main__":
    small_study(cells=1, steps=2000).run(Path(sys.argv[1]), workers=1, progress=watch)
"""


def test_a_worker_killed_once_costs_nothing_but_time(tmp_path: Path, undisturbed: ResultTable):
    folder = tmp_path / "study"
    script = KILLING_ONCE.format(marker=tmp_path / "killed")
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    assert _table(folder) == undisturbed


KILLING_ONCE = """
import multiprocessing, os, signal, sys
from pathlib import Path
from tests.studies.small import small_study

marker = Path("{marker}")

def watch(done, total, units, all_units):
    if units >= 1 and not marker.exists():
        for victim in multiprocessing.active_children():
            marker.touch()
            os.kill(victim.pid, signal.SIGKILL)

if __name__ == "__main__":
    small_study().run(Path(sys.argv[1]), workers=2, progress=watch)
"""


def test_a_folder_in_use_is_refused(tmp_path: Path):
    study = small_study()
    with Store(tmp_path / "study", study.manifest()), pytest.raises(SeqwrightError, match="another study is running"):
        study.run(tmp_path / "study")


def test_another_studys_folder_is_refused_and_says_what_differs(tmp_path: Path):
    folder = tmp_path / "study"
    with Store(folder, small_study().manifest()):
        pass
    with pytest.raises(SeqwrightError, match="its seeds is 2, not 3"):
        small_study(3).run(folder)
    with pytest.raises(SeqwrightError, match="its fingerprint differs"):
        small_study(steps=4).run(folder)


def test_what_is_measured_tells_a_study_from_another():
    study = small_study(cells=1)
    measured = replace(study, cells=(replace(study.cells[0], measures=(GradientReach(),)),))
    assert study.manifest() != measured.manifest()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(SeqwrightError, match="something else"):
        small_study().run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "study").write_text("")
    with pytest.raises(SeqwrightError, match="cannot be written to"):
        small_study().run(tmp_path / "study")


def test_units_do_not_depend_on_the_workers():
    study = replace(small_study(), seeds=40)
    seeds = [unit.seeds for unit in study.units() if unit.cell is study.cells[0]]
    assert [seed for unit in seeds for seed in unit] == list(range(40))
    assert max(map(len, seeds)) <= 16
