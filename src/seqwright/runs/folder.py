"""A run's folder: what lies in it, and how each file is written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.core.spec import Count, Spec
from seqwright.data.preprocessing import Preprocessing
from seqwright.data.vocabulary import Vocabulary
from seqwright.models.transformer import TransformerSpec
from seqwright.runs.recipe import Recipe


class Source(Spec):
    """The data of a run: where it was, what it held, and how it was split.

    Attributes:
        path: the training file; what came from standard input or from Python is kept inside the run, and its path is
            then relative to the run's folder.
        dev: the dev file, or ``None`` where dev rows were held out of ``path``.
        fingerprint, dev_fingerprint: SHA-256 of what was read.
    """

    path: str
    dev: str | None
    fingerprint: str
    dev_fingerprint: str


class Manifest(Spec):
    """What a run is: everything that decides its outcome, written before the first step and never changed."""

    seqwright: str
    torch: str
    threads: int
    command: list[str]
    seed: int
    device: str
    recipe: Recipe
    reading: Preprocessing
    source: Source
    limit: Count
    """How many tokens an answer may have."""


class Symbols(Spec):
    """The vocabulary, as it is written down."""

    symbols: tuple[str, ...]


class Result(Spec):
    """How a run ended; written when it does."""

    why: str
    steps: int
    epochs: float
    best_step: int
    dev_loss: float | None
    dev_exact_match: float | None
    seconds: float
    notes: list[str]


class RunFolder:
    """The files of a run.

    ========================  =====================================================================
    ``run.json``              the :class:`Manifest`: data, recipe, seed, versions, command
    ``model.json``            the model's spec
    ``vocabulary.json``       its symbols
    ``model.safetensors``     the best weights so far
    ``last.safetensors``      all that going on needs: weights, optimiser, generators, places
    ``metrics.jsonl``         a line a step, and one an evaluation
    ``report.html``           the curves
    ``result.json``           how it ended
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
        """The folder of a run that was begun.

        Raises:
            SeqwrightError: there is none.
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
        """A folder for a new run, which :meth:`begin` makes.

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
        if set(foreign) - {KEPT_DATA}:  # a run that was killed before it was a run may have left its data
            raise SeqwrightError(
                f"the folder holds something else ({min(foreign)})",
                where=str(path),
                fix="name a new folder with --out",
            )
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else trains here meanwhile; the system drops the lock when its holder dies.

        Raises:
            SeqwrightError: somebody does.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise SeqwrightError(
                "this run is being trained already", where=str(self.path), fix="wait for it"
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

    def keep(self, name: str, content: bytes) -> None:
        """Keep data that cannot be read a second time."""
        self._write(self.path / KEPT_DATA / name, content)

    def begin(self, manifest: Manifest, vocabulary: Vocabulary) -> None:
        """Write down what the run is; the manifest comes last, so that a folder with one has all three."""
        self._write(self.model_file, manifest.recipe.model.to_json(indent=2))
        self._write(self.vocabulary_file, Symbols(symbols=vocabulary.symbols).to_json())
        self._write(self.manifest_file, manifest.to_json(indent=2))

    def finish(self, result: Result) -> None:
        """Write down how it ended."""
        self._write(self.result_file, result.to_json(indent=2))

    def manifest(self) -> Manifest:
        """What the run is."""
        return self._read(self.manifest_file, Manifest)

    def model(self) -> TransformerSpec:
        """The model's spec."""
        return self._read(self.model_file, TransformerSpec)

    def symbols(self) -> tuple[str, ...]:
        """What its vocabulary holds."""
        return self._read(self.vocabulary_file, Symbols).symbols

    def result(self) -> Result | None:
        """How it ended; ``None`` while it has not."""
        return self._read(self.result_file, Result) if self.result_file.exists() else None

    def lines(self) -> list[dict[str, Any]]:
        """What was measured so far; a line that a kill cut short is left out."""
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
        """Forget what was measured after a step."""
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

    def _read(self, path: Path, kind: type[Any]) -> Any:
        try:
            return kind.from_json(path.read_bytes())
        except OSError as error:
            raise SeqwrightError(
                f"cannot be read: {reason(error)}", where=str(path), fix="the run is damaged"
            ) from error
        except SeqwrightError as error:
            raise SeqwrightError(
                error.what, where=str(path), fix="the file is damaged, or of another version"
            ) from error


def _numbers(line: dict[str, Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in line.values())


KEPT_DATA = "data"
"""The folder inside a run where data is kept that cannot be read a second time."""
