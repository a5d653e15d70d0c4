"""A model is a value: frozen trees of small parts that can be written down, compared and varied.

A spec has the shape of the module tree it builds. It is plain data (reading or comparing one needs no
torch), and three things can be done with it:

* ``spec.to_json()`` and ``Spec.from_json(text)`` write it down and read it back, every field checked;
* ``diff(before, after)`` says what differs, path by path;
* ``vary(spec, {"decoder.layers": 2})`` gives the same tree with other parts in some places.

An ablation is therefore a list of specs, and the header of its table is their ``diff``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec

from seqwright.core.errors import SeqwrightError

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A number of things of which there must be one at least."""

Above = Annotated[float, msgspec.Meta(gt=0)]
"""A number above 0."""

Rate = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A probability below 1."""


@dataclass_transform(frozen_default=True)  # msgspec's own says so only of classes that repeat it
class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """A part of a model or of a study, described as an immutable value.

    Subclasses declare typed fields. Where several kinds of part fit one place, the field's type is the
    union of their classes, and JSON names the class under ``"type"``.

    >>> class Layer(Spec):
    ...     width: int = 8
    >>> Layer(width=4).to_json()
    '{"type":"Layer","width":4}'
    >>> Layer.from_json('{"type":"Layer","width":4}') == Layer(width=4)
    True
    """

    def to_json(self, *, indent: int = 0) -> str:
        """Write the whole tree as JSON; ``indent`` spaces a level make it readable."""
        text = msgspec.json.encode(self)
        return (msgspec.json.format(text, indent=indent) if indent else text).decode()

    def checked(self: S) -> S:
        """The same spec, once every field has been held against its type and range.

        Making a spec checks nothing; reading, varying and building one does.

        Raises:
            SeqwrightError: a value does not fit its field.
        """
        return type(self).from_json(self.to_json())

    @classmethod
    def from_json(cls: type[S], text: str | bytes) -> S:
        """Read a tree back, checking every field.

        Raises:
            SeqwrightError: the text is not JSON, or a field is missing, unknown or of the wrong type.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise SeqwrightError(
                f"this is not a {cls.__name__}: {error}",
                mend="compare it with the JSON that to_json() writes",
            ) from error


S = TypeVar("S", bound=Spec)
"""Some kind of spec: what is varied stays what it is."""


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """The tree laid flat: each spec's class and each plain field under its dotted path.

    >>> class Leaf(Spec):
    ...     size: int = 1
    >>> class Tree(Spec):
    ...     left: Leaf = Leaf()
    >>> leaves(Tree())
    {'': 'Tree', 'left': 'Leaf', 'left.size': 1}
    """
    if not isinstance(value, Spec):
        return {path: value}
    flat: dict[str, Any] = {path: type(value).__name__}
    for name in value.__struct_fields__:
        flat |= leaves(getattr(value, name), f"{path}.{name}" if path else name)
    return flat


def diff(before: Spec, after: Spec) -> dict[str, tuple[Any, Any]]:
    """What differs between two trees: ``{path: (before, after)}``, ``None`` where a side has no such field.

    >>> class Layer(Spec):
    ...     width: int = 8
    ...     heads: int = 1
    >>> diff(Layer(), Layer(heads=2))
    {'heads': (1, 2)}
    """
    old, new = leaves(before), leaves(after)
    paths = list(old) + [path for path in new if path not in old]
    return {path: (old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)}


def vary(spec: S, edits: Mapping[str, Any]) -> S:
    """The same tree with other values at some dotted paths.

    Raises:
        SeqwrightError: a path does not exist, or the new value does not fit there.

    >>> class Layer(Spec):
    ...     width: int = 8
    ...     heads: int = 1
    >>> vary(Layer(), {"heads": 2})
    Layer(width=8, heads=2)
    """
    for path, value in edits.items():
        spec = _replaced(spec, path.split("."), value, path)
    return spec


def _replaced(spec: Any, names: list[str], value: Any, path: str) -> Any:
    first, *rest = names
    if not isinstance(spec, Spec) or first not in spec.__struct_fields__:
        parts = ", ".join(spec.__struct_fields__) if isinstance(spec, Spec) else "none"
        raise SeqwrightError(f"{path}: {type(spec).__name__} has no part {first!r}", mend=f"its parts are: {parts}")
    inner = _replaced(getattr(spec, first), rest, value, path) if rest else value
    return msgspec.structs.replace(spec, **{first: inner}).checked()
