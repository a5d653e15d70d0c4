"""Edits of a spec, written as ``path=value``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import S, vary


def edited(spec: S, edits: Sequence[str], prefix: str = "--set ") -> S:
    """Apply ``path=value`` edits to a spec. A value is JSON; a part without fields may be given by its name alone.

    ``prefix`` is written before an edit in error messages.

    >>> from seqwright.core.spec import Spec
    >>> class Layer(Spec):
    ...     width: int = 8
    >>> edited(Layer(), ["width=16"])
    Layer(width=16)

    Raises:
        SeqwrightError: an edit is not of that form, names no path, or has a value that does not fit there.
    """
    for edit in edits:
        path, value = _read(edit, prefix)
        try:
            spec = vary(spec, {path: value})
        except SeqwrightError as error:
            raise SeqwrightError(f"{prefix}{edit}: {error.what}", fix=error.fix) from error
    return spec


def made(kind: type[S], edits: Sequence[str], prefix: str = "--set ") -> S:
    """Make a spec of a kind by ``path=value`` edits of its defaults; a field without a default must be among them.

    >>> from seqwright.core.spec import Spec
    >>> class Layer(Spec):
    ...     width: int
    ...     heads: int = 1
    >>> made(Layer, ["width=16"])
    Layer(width=16, heads=1)

    Raises:
        SeqwrightError: such a field is missing, or an edit does not fit (:func:`edited`).
    """
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    given = dict(_read(edit, prefix) for edit in edits)
    missing = [f"{prefix}{name}=…" for name in required if name not in given]
    if missing:
        raise SeqwrightError(f"{kind.__name__} has no default {required[0]}", fix=f"give {' and '.join(missing)}")
    return edited(kind(**{name: given[name] for name in required}), edits, prefix)


def _read(edit: str, prefix: str) -> tuple[str, Any]:
    path, equals, text = edit.partition("=")
    if not equals or not path:
        raise SeqwrightError(f"{prefix}{edit}: there is no value", fix=f"write {prefix}path=value")
    try:
        return path, msgspec.json.decode(text)
    except msgspec.DecodeError:
        return path, {"type": text} if text[:1].isupper() else text
