"""A study's folder: its manifest, and every finished work unit."""

from __future__ import annotations

from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.files import write_atomically
from seqwright.studies.table import ResultTable

MANIFEST = "study.json"


class Store:
    """Finished work units under ``folder/cells``, one file each, and the manifest of the study that they belong to.

    A study started again in its own folder finds the units and does none twice. A folder that holds anything else is
    refused, and a lock keeps a second study out while one runs; the system drops the lock when its holder dies.
    """

    def __init__(self, folder: Path, manifest: dict[str, object]) -> None:
        self.folder, self.manifest = folder, manifest
        try:
            folder.mkdir(parents=True, exist_ok=True)
            foreign = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
            if foreign and MANIFEST not in foreign:
                raise _foreign(folder, f"the folder holds something else ({foreign[0]})")
            self.lock = FileLock(folder / ".lock")
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise SeqwrightError(
                "another study is running in this folder", where=str(folder), fix="wait for it or name another --out"
            ) from error
        except OSError as error:
            raise SeqwrightError(
                f"cannot be written to: {reason(error)}", where=str(folder), fix="name another folder with --out"
            ) from error
        self._claim()

    def _claim(self) -> None:
        path = self.folder / MANIFEST
        mine = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2)
        if not path.exists():
            write_atomically(path, mine)
            return
        try:
            theirs = msgspec.json.decode(path.read_bytes(), type=dict)
        except msgspec.DecodeError as error:
            raise _foreign(path, f"this is no study's manifest: {error}") from error
        wanted = msgspec.json.decode(mine)
        if theirs != wanted:
            differing = sorted(key for key in wanted | theirs if theirs.get(key) != wanted.get(key))
            differences = ", ".join(_difference(key, theirs.get(key), wanted.get(key)) for key in differing)
            raise _foreign(self.folder, f"the folder holds another study: {differences}")

    def load(self, unit: str) -> ResultTable | None:
        """Return the results of a finished work unit, or ``None``; a damaged file counts as unfinished and is done again."""
        try:
            return ResultTable.from_json(self._path(unit).read_bytes())
        except (FileNotFoundError, SeqwrightError):
            return None

    def save(self, unit: str, result: ResultTable) -> None:
        """Write the results of a work unit; from here on no kill loses them."""
        (self.folder / "cells").mkdir(exist_ok=True)
        write_atomically(self._path(unit), result.to_json())

    def _path(self, unit: str) -> Path:
        return self.folder / "cells" / f"{unit}.json"

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *raised: object) -> None:
        self.lock.release()


def _foreign(where: Path, what: str) -> SeqwrightError:
    return SeqwrightError(what, where=str(where), fix="name a new folder with --out")


def _difference(key: str, theirs: object, mine: object) -> str:
    short = all(len(str(value)) <= 40 for value in (theirs, mine))
    return f"its {key} is {theirs}, not {mine}" if short else f"its {key} differs"
