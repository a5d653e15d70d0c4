"""Specs: frozen trees of small parts that can be written as JSON, compared and varied.

A spec has the shape of the module tree it builds. It is plain data (reading or comparing one needs no
torch), and three things can be done with it:

* ``spec.to_json()`` and ``Spec.from_json(text)`` write it as JSON and read it back, every field checked;
* ``diff(before, after)`` lists the differences, path by path;
* ``vary(spec, {"decoder.layers": 2})`` gives the same tree with other parts in some places.

An ablation is therefore a list of specs, and the header of its table is their ``diff``.
"""

from __future__ import annotations

import re
from abc import ABCMeta
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import part_of

P = TypeVar("P")
"""A place, whose kinds are read."""

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A number of things of which there must be one at least."""

Above = Annotated[float, msgspec.Meta(gt=0)]
"""A number above 0."""

Rate = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A probability below 1."""


class _SpecMeta(type(msgspec.Struct), ABCMeta):
    """The metaclass of specs: msgspec's, joined with that of abstract base classes, so that a spec can take a place."""


@dataclass_transform(frozen_default=True)  # msgspec's own holds only for classes that repeat it
class Spec(msgspec.Struct, metaclass=_SpecMeta, frozen=True, forbid_unknown_fields=True, tag=True):
    """A part of a model or of a study, described as an immutable value.

    Subclasses declare typed fields. Where several kinds of part fit one place, the field's type is an abstract base class
    (:class:`seqwright.core.place.Place`), and JSON names the part's class under ``"type"``.

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
        """Check every field against its type and range, and return the same spec.

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
            return msgspec.json.decode(text, type=cls, dec_hook=part_of)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise _misfit(cls, error) from error


def part_from_json(place: type[P], text: str | bytes) -> P:
    """Read a part that takes a place, whichever kind of it the JSON names.

    Raises:
        SeqwrightError: the text is not JSON, names no known kind, or a field does not fit.
    """
    try:
        return msgspec.json.decode(text, type=place, dec_hook=part_of)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise _misfit(place, error) from error


_UNKNOWN_KIND = re.compile(r"(there is no \w+ called .*?); (choose one of: .*?)( - at `.*`)?", re.DOTALL)


def _misfit(kind: type[Any], error: Exception) -> SeqwrightError:
    """Return the error of JSON that is not of a kind; where it names an unknown kind, with the list of those that exist."""
    message = _one_path(str(error))
    unknown = _UNKNOWN_KIND.fullmatch(message)
    if unknown is not None:
        return SeqwrightError(unknown[1] + (unknown[3] or ""), fix=unknown[2])
    return SeqwrightError(
        f"this is not a {kind.__name__}: {message}", fix="compare it with the JSON that to_json() writes"
    )


_AT = re.compile(r" - at `\$(.*?)`")


def _one_path(message: str) -> str:
    """Join the paths that each open place added to a message, the innermost first.

    >>> _one_path("Expected `int`, got `str` - at `$.width` - at `$.decoder.mask`")
    'Expected `int`, got `str` - at `$.decoder.mask.width`'
    """
    paths = _AT.findall(message)
    return f"{_AT.sub('', message)} - at `${''.join(reversed(paths))}`" if paths else message


S = TypeVar("S", bound=Spec)
"""A kind of spec: a varied spec is of the same kind."""


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Flatten a tree: each spec's class and each plain field under its dotted path, members of a tuple by number.

    >>> class Leaf(Spec):
    ...     size: int = 1
    >>> class Tree(Spec):
    ...     left: Leaf = Leaf()
    >>> leaves(Tree())
    {'': 'Tree', 'left': 'Leaf', 'left.size': 1}
    """
    if isinstance(value, tuple) and any(isinstance(member, Spec) for member in value):
        parts, flat = {str(index): member for index, member in enumerate(value)}, {}
    elif isinstance(value, Spec):
        parts = {name: getattr(value, name) for name in value.__struct_fields__}
        flat: dict[str, Any] = {path: type(value).__name__}
    else:
        return {path: value}
    for name, part in parts.items():
        flat |= leaves(part, f"{path}.{name}" if path else name)
    return flat


def diff(before: Spec, after: Spec) -> dict[str, tuple[Any, Any]]:
    """Compare two trees: ``{path: (before, after)}``, ``None`` where a side has no such field.

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
    """Replace the values at some dotted paths; a number selects a member of a tuple.

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


def _replaced(value: Any, names: list[str], new: Any, path: str) -> Any:
    if not names:
        return new
    first, *rest = names
    if isinstance(value, tuple) and first.isdecimal() and int(first) < len(value):
        index = int(first)
        return (*value[:index], _replaced(value[index], rest, new, path), *value[index + 1 :])
    if not isinstance(value, Spec) or first not in value.__struct_fields__:
        parts = ", ".join(value.__struct_fields__) if isinstance(value, Spec) else "none"
        raise SeqwrightError(f"{path}: {type(value).__name__} has no part {first!r}", fix=f"its parts are: {parts}")
    inner = _replaced(getattr(value, first), rest, new, path)
    return msgspec.structs.replace(value, **{first: inner}).checked()
