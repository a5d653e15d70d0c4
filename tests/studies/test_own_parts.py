"""Parts of a user's own in a study: workers import their files, and a task may need a setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqwright.core.edits import made
from seqwright.core.errors import SeqwrightError
from seqwright.core.imports import files_of_classes, import_module_of_parts
from seqwright.core.spec import Spec
from tests.cli.test_own_data import tell
from tests.runs.small import seqwright, sets

OWN = '''
"""A task with a setting that has no default, and a study with one."""
from seqwright.core.spec import Count, Spec
from seqwright.studies.study import Study, cell
from seqwright.tasks.alphabets import letters
from seqwright.tasks.task import Task


class Skip(Spec, Task):
    """The source without its first symbols."""

    first: Count

    @property
    def shortest(self):
        return self.first + 1

    def source_symbols(self, longest):
        return letters(4)

    def answer(self, source):
        return tuple(source[self.first :])


class WidthStudy(Spec, Study):
    """A study of widths."""

    widths: tuple[int, ...]
    name = "widths"
    question = "Which width?"

    def cells(self, sources):
        return [cell(source, f"{width}-wide", {"width": width}) for source in sources for width in self.widths]
'''
TINY = sets("steps=2", "batch=4", "train=40", "test=6", "width=8")


def test_a_worker_imports_the_file_whatever_else_has_its_name(tmp_path: Path):
    """A module `wave` of Python's own is found first by whoever imports it by name."""
    parts = tmp_path / "wave.py"
    parts.write_text(OWN)
    options = ["--task", "skip:first=2", "--set", "widths=[8]", *TINY, "--seeds", "1", "--workers", "1"]
    done = seqwright("--import", parts, "study", "widths", *options, "--out", tmp_path / "out", "--json")
    (found,) = json.loads(done.stdout)["table"]["cells"]
    assert (found["variant"], found["task"]) == ("8-wide", "skip")


def test_a_setting_without_a_default_is_asked_for(tmp_path: Path):
    parts = tmp_path / "own_task.py"
    parts.write_text(OWN)
    listed = tell("--import", parts, "study", "tasks")
    assert "skip  needs first\n    The source without its first symbols." in listed.out
    study = ["--import", parts, "study"]
    assert "Skip has no default first; give --task skip:first=…" in tell(*study, "parts", "--task", "skip").line
    assert "WidthStudy has no default widths; give --set widths=…" in tell(*study, "widths").line
    assert "Expected `int`" in tell(*study, "parts", "--task", "skip:first=two").line


def test_the_files_that_another_process_needs_are_those_of_its_classes(tmp_path: Path):
    parts = tmp_path / "some_own_parts.py"
    parts.write_text("from seqwright.core.spec import Spec\nclass Own(Spec): pass\n")
    import_module_of_parts(str(parts))
    from some_own_parts import Own

    assert files_of_classes({"a": [Own()]}) == [str(parts)]
    assert files_of_classes({"a": [Spec()]}) == []


def test_made_from_edits():
    class Both(Spec):
        width: int
        name: str = "a"

    assert made(Both, ["name=b", "width=3"]) == Both(width=3, name="b")
    with pytest.raises(SeqwrightError, match="no default width"):
        made(Both, ["name=b"])
