"""Edits of a spec as people write them: ``path=value``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import S, vary


def edited(spec: S, edits: Sequence[str], said: str = "--set ") -> S:
    """A spec with ``path=value`` edits. A value is JSON; a part without fields may go by its name alone.

    ``said`` is how people said the edits, for errors.

    >>> from seqwright.core.spec import Spec
    >>> class Layer(Spec):
    ...     width: int = 8
    >>> edited(Layer(), ["width=16"])
    Layer(width=16)

    Raises:
        SeqwrightError: not of that form, no such path, or a value that does not fit there.
    """
    for edit in edits:
        path, value = _read(edit, said)
        try:
            spec = vary(spec, {path: value})
        except SeqwrightError as error:
            raise SeqwrightError(f"{said}{edit}: {error.what}", fix=error.fix) from error
    return spec


def _read(edit: str, said: str) -> tuple[str, Any]:
    path, equals, text = edit.partition("=")
    if not equals or not path:
        raise SeqwrightError(f"{said}{edit}: there is no value", fix=f"write {said}path=value")
    try:
        return path, msgspec.json.decode(text)
    except msgspec.DecodeError:
        return path, {"type": text} if text[:1].isupper() else text
