"""Edits of a spec that cure a fault, whatever family of models it describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seqwright.core.model import build
from seqwright.core.spec import leaves, vary


def replacing(spec: Any, kind: str, replacement: str) -> dict[str, Any]:
    """Return the edit that replaces every part of a kind.

    >>> from seqwright.core.spec import Spec
    >>> class NoMask(Spec):
    ...     pass
    >>> class Layer(Spec):
    ...     mask: NoMask = NoMask()
    >>> replacing(Layer(), "NoMask", "CausalMask")
    {'mask': {'type': 'CausalMask'}}
    """
    return {path: {"type": replacement} for path, value in leaves(spec).items() if value == kind}


def curing(spec: Any, kind: str, replacement: str, cured: Callable[[Any], bool]) -> dict[str, Any]:
    """Return the smallest edit that replaces parts of a kind so that a model built from the spec is cured; empty if none does.

    Args:
        spec: the spec of a faulty model; ``None`` where there is none.
        kind: the class of the parts, by name.
        replacement: the class that takes their place.
        cured: whether a model that is built from the edited spec lacks the fault.
    """
    edit = {} if spec is None else replacing(spec, kind, replacement)
    for path, part in edit.items():
        if _cures(spec, {path: part}, cured):
            return {path: part}
    if len(edit) < 2 or not _cures(spec, edit, cured):
        return {}
    for path in list(edit):
        fewer = {other: part for other, part in edit.items() if other != path}
        edit = fewer if _cures(spec, fewer, cured) else edit
    return edit


def _cures(spec: Any, edit: Mapping[str, Any], cured: Callable[[Any], bool]) -> bool:
    try:
        return cured(build(vary(spec, edit)))
    except Exception:  # the replacement does not fit there
        return False
