"""Modules of a user's own parts: importing them by name, and recording which of them a spec needs."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec


class ImportedModule(Spec):
    """A module of a user's own parts.

    Attributes:
        name: the file's name, or the module's dotted name where it lies in a package; as ``--import`` takes it.
        sha256: of the file.
    """

    name: str
    sha256: str


def import_module_of_parts(name: str) -> None:
    """Import a Python file or a module, so that its parts take their places.

    Raises:
        SeqwrightError: there is no such file or module, or it cannot be imported.
    """
    path = Path(name)
    try:
        if path.suffix == ".py":
            _import_file(path)
        else:
            sys.path.insert(0, "")  # as `python -m` does
            import_module(name)
    except SeqwrightError:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SeqwrightError(
            f"--import {name}: {message}", fix="name a Python file, or a module that imports"
        ) from error


def _import_file(path: Path) -> None:
    if not path.is_file():
        raise SeqwrightError(f"--import {path}: there is no such file", fix="name a Python file, or a module")
    if path.resolve() in map(_file, list(sys.modules.values())):
        return  # once more, or under the name of its package: its parts have taken their places
    if path.stem in sys.modules:
        raise SeqwrightError(f"--import {path}: another module is called {path.stem}", fix="rename the file")
    spec = spec_from_file_location(path.stem, path.resolve())
    assert spec is not None, "it ends in .py"
    assert spec.loader is not None, "it ends in .py"
    sys.path.append(str(path.resolve().parent))  # for the modules beside it, as for a script
    module = sys.modules[path.stem] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


def imported_modules(*specs: Spec) -> tuple[ImportedModule, ...]:
    """Return the modules outside this package whose classes occur in some specs.

    Modules that were imported but are not used are left out: reading the specs back does not need them.
    """
    own = __name__.partition(".")[0]
    modules = {module for spec in specs for module in _modules(spec)}
    outside = sorted(module for module in modules if module.partition(".")[0] != own)
    return tuple(_imported(sys.modules[name]) for name in outside if _file(sys.modules[name]) is not None)


def files_of_classes(value: Any) -> list[str]:
    """Return the Python files of a user's that hold classes of a value: another process imports them before it unpickles it."""
    pickler = _ClassPickler()
    pickler.dump(value)
    modules = [sys.modules[name] for name in sorted(pickler.modules)]
    return [str(file.resolve()) for module in modules if (file := _file(module)) and _name(module) == file.name]


class _ClassPickler(pickle.Pickler):
    """A pickler that keeps nothing but the names of the modules of classes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type):
            self.modules.add(obj.__module__)
        return NotImplemented


def missing_modules(modules: Sequence[ImportedModule]) -> list[str]:
    """Return the names of those that are not imported."""
    present = _present(modules)
    return [module.name for module in modules if module.name not in present]


def changed_modules(modules: Sequence[ImportedModule]) -> list[str]:
    """Return the names of those that are imported, and whose files have other contents than when they were recorded."""
    present = _present(modules)
    return [module.name for module in modules if module.name in present and _imported(present[module.name]) != module]


def _present(modules: Sequence[ImportedModule]) -> dict[str, Any]:
    names = {module.name for module in modules}
    return {name: module for module in list(sys.modules.values()) if names and (name := _name(module)) in names}


def _modules(value: Any) -> Iterator[str]:
    if isinstance(value, Spec):
        yield type(value).__module__
        for name in value.__struct_fields__:
            yield from _modules(getattr(value, name))
    elif isinstance(value, (tuple, list)):
        for member in value:
            yield from _modules(member)


def _file(module: Any) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if not isinstance(file, str) else Path(file)


def _name(module: Any) -> str:
    file, name = _file(module), getattr(module, "__name__", "")
    return name if file is None or "." in name or file.name == "__init__.py" else file.name


def _imported(module: Any) -> ImportedModule:
    file = _file(module)
    assert file is not None, "it has a file"
    return ImportedModule(name=_name(module), sha256=hashlib.sha256(file.read_bytes()).hexdigest())
