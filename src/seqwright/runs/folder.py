"""The folder of a run: its files, and how each is written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.core.imports import ImportedModule, missing_modules
from seqwright.core.model import ModelSpec
from seqwright.core.spec import part_from_json
from seqwright.data.vocabulary import StoredVocabulary, Vocabulary
from seqwright.runs import old_form
from seqwright.runs.manifest import Manifest, Result


class RunFolder:
    """The files of a run.

    ========================  =====================================================================
    ``run.json``              the :class:`Manifest`: data, recipe, seed, versions, command
    ``model.json``            the model's spec
    ``vocabulary.json``       its symbols
    ``model.safetensors``     the best weights so far
    ``last.safetensors``      the checkpoint: weights, optimiser, generators, position in the data
    ``metrics.jsonl``         a line for each step, and one for each evaluation
    ``report.html``           the curves
    ``result.json``           the :class:`Result`
    ``data/``                 data from standard input or from Python
    ========================  =====================================================================
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_file = path / "run.json"
        self.model_file = path / "model.json"
        self.vocabulary_file = path / "vocabulary.json"
        self.best = path / "model.safetensors"
        self.last = path / "last.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.html"
        self.result_file = path / "result.json"

    @classmethod
    def existing(cls, path: Path | str) -> RunFolder:
        """Return the folder of a run that has begun.

        Raises:
            SeqwrightError: there is no such run.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            raise SeqwrightError("there is no such folder", where=str(path), fix="name the folder of a run")
        if not folder.manifest_file.exists():
            raise SeqwrightError(
                "this is not a run: it has no run.json",
                where=str(path),
                fix="name a folder that seqwright train wrote",
            )
        return folder

    @classmethod
    def free(cls, path: Path) -> RunFolder:
        """Return a folder for a new run, which :meth:`begin` makes.

        Raises:
            SeqwrightError: it holds something already.
        """
        folder = cls(path)
        if folder.manifest_file.exists():
            raise SeqwrightError(
                "this folder holds a run", where=str(path), fix=f"go on with --resume {path}, or name another --out"
            )
        try:
            foreign = [file.name for file in path.iterdir() if not file.name.startswith(".")] if path.exists() else []
        except OSError as error:
            raise SeqwrightError(
                f"cannot be used: {reason(error)}", where=str(path), fix="name another --out"
            ) from error
        if set(foreign) - {KEPT_DATA}:  # a run that was killed while it began may have left its data
            raise SeqwrightError(
                f"the folder holds something else ({min(foreign)})",
                where=str(path),
                fix="name a new folder with --out",
            )
        return folder

    @classmethod
    def claimed(cls, path: Path) -> RunFolder:
        """Make a new folder of this name, numbered if there is one already; of several processes, each gets its own.

        Raises:
            SeqwrightError: the system refuses.
        """
        number, free = 1, path
        while True:
            try:
                free.parent.mkdir(parents=True, exist_ok=True)
                free.mkdir()  # fails if another process made it meanwhile
                return cls(free)
            except FileExistsError:
                number += 1
                free = path.with_name(f"{path.name}-{number}")
            except OSError as error:
                raise SeqwrightError(
                    f"cannot be made: {reason(error)}", where=str(free), fix="name a folder with --out"
                ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here; the system drops the lock when its holder dies.

        Raises:
            SeqwrightError: another process trains here.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise SeqwrightError(
                "another process trains in this folder", where=str(self.path), fix="wait for it, or name another --out"
            ) from error
        except OSError as error:
            raise SeqwrightError(
                f"cannot be written to: {reason(error)}",
                where=str(self.path),
                fix="make it writable, or name another --out",
            ) from error
        for stale in self.path.glob(".*.*"):  # what a kill left of a file that was being written
            stale.unlink(missing_ok=True)
        try:
            yield
        finally:
            lock.release()

    def begin(
        self, manifest: Manifest, vocabulary: Vocabulary, kept: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        """Write a new run; the manifest comes last, so that a folder that has one has everything.

        Args:
            manifest: the run.
            vocabulary: its symbols.
            kept: data that cannot be read a second time, by file name.
        """
        for name, content in kept.items():
            self._write(self.path / KEPT_DATA / name, content)
        self._write(self.model_file, manifest.recipe.model.to_json(indent=2))  # pyright: ignore[reportAttributeAccessIssue]
        self._write(self.vocabulary_file, vocabulary.stored().to_json())
        self.write_manifest(manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write ``run.json``."""
        self._write(self.manifest_file, manifest.to_json(indent=2))

    def finish(self, result: Result) -> None:
        """Write ``result.json``."""
        self._write(self.result_file, result.to_json(indent=2))

    def manifest(self) -> Manifest:
        """Read ``run.json``.

        Raises:
            SeqwrightError: it is damaged, or the run has parts of a module that is not imported.
        """
        raw = self._json(self.manifest_file)
        imports = raw.get("imports") if isinstance(raw, dict) else None
        if isinstance(imports, list):
            modules = [self._decoded(self.manifest_file, module, ImportedModule) for module in imports]
            missing = missing_modules(modules)
            if missing:
                raise SeqwrightError(
                    f"this run has parts of {' and '.join(missing)}",
                    where=str(self.path),
                    fix=f"add {' '.join(f'--import {name}' for name in missing)} (in Python, import the module)",
                )
        return self._decoded(self.manifest_file, raw, Manifest)

    def model(self) -> ModelSpec:
        """Read ``model.json``."""
        return self._decoded(self.model_file, self._json(self.model_file), ModelSpec)

    def symbols(self) -> StoredVocabulary:
        """Read ``vocabulary.json``."""
        return self._decoded(self.vocabulary_file, self._json(self.vocabulary_file), StoredVocabulary)

    def result(self) -> Result | None:
        """Read ``result.json``; ``None`` while the run has not ended."""
        if not self.result_file.exists():
            return None
        return self._decoded(self.result_file, self._json(self.result_file), Result)

    def lines(self) -> list[dict[str, Any]]:
        """Read ``metrics.jsonl``; a line that a kill cut short is left out."""
        if not self.metrics.is_file():
            return []
        lines = []
        for line in self.metrics.read_text("utf-8", "replace").split("\n"):
            try:
                measured = json.loads(line) if line else None
            except (ValueError, RecursionError):
                continue
            if isinstance(measured, dict) and isinstance(measured.get("step"), int) and _numbers(measured):
                lines.append(measured)
        return lines

    def rewind(self, step: int) -> None:
        """Drop the lines after a step from ``metrics.jsonl``."""
        kept = [json.dumps(line) + "\n" for line in self.lines() if line["step"] <= step]
        self._write(self.metrics, "".join(kept))

    def _write(self, path: Path, content: str | bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise SeqwrightError(
                f"cannot be written: {reason(error)}",
                where=str(path),
                fix="make room, or name another --out",
            ) from error

    def _json(self, path: Path) -> Any:
        """Decode a file's JSON, in the form of today whichever version wrote it."""
        try:
            return old_form.current(msgspec.json.decode(path.read_bytes()))
        except OSError as error:
            raise SeqwrightError(
                f"cannot be read: {reason(error)}", where=str(path), fix="the run is damaged"
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SeqwrightError(f"this is not JSON: {error}", where=str(path), fix=_DAMAGED) from error

    def _decoded(self, path: Path, value: Any, kind: Any) -> Any:
        try:
            return part_from_json(kind, msgspec.json.encode(value))
        except SeqwrightError as error:
            fix = error.fix if error.fix.startswith("choose one of") else _DAMAGED
            raise SeqwrightError(error.what, where=str(path), fix=fix) from error


_DAMAGED = "the file is damaged, or of another version"


def _numbers(line: dict[str, Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in line.values())


KEPT_DATA = "data"
"""The folder inside a run with data that cannot be read a second time."""
