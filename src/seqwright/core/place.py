"""Open places in a tree of specs: abstract base classes that a part, of this package or of a user's, takes by inheriting."""

from __future__ import annotations

import inspect
from abc import ABC
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar

import msgspec

from seqwright.core.errors import SeqwrightError


class Place(ABC):  # noqa: B024  # each place below it has methods of its own
    """A place in a tree of specs, such as the mask of an attention.

    A class takes the place by inheriting from it and from :class:`seqwright.core.spec.Spec`. Nothing has to be registered: a
    field of the place's type accepts every such class that has been imported, and JSON names it under ``"type"``.

    Attributes:
        rooms: packages whose modules hold this package's own kinds, where these are not in the place's own package. They are
            imported when a kind is looked up by name.

    >>> from seqwright.core.spec import Spec
    >>> class Shape(Place):
    ...     '''A shape.'''
    >>> class Square(Spec, Shape):
    ...     '''Four equal sides.'''
    ...     side: int = 1
    >>> part_of(Shape, {"type": "Square", "side": 2})
    Square(side=2)
    """

    __slots__ = ()
    rooms: ClassVar[tuple[str, ...]] = ()


def rooms_of(place: type[Place]) -> tuple[str, ...]:
    """Return the packages in which kinds of a place are looked for; none where the place is a user's own."""
    own, package = __name__.partition(".")[0], place.__module__.rpartition(".")[0]
    return place.rooms or ((package,) if package.partition(".")[0] == own else ())


def kinds(place: type[Place]) -> dict[str, type[Any]]:
    """Return every concrete class that takes a place, by its name, in alphabetical order."""
    for room in rooms_of(place):
        package = import_module(room)
        for module in iter_modules(package.__path__):
            import_module(f"{room}.{module.name}")
    return {kind.__name__: kind for kind in sorted(_below(place), key=lambda kind: kind.__name__)}


def kind_called(place: type[Place], name: str) -> type[Any]:
    """Return the class of that name that takes a place; of several in one module, as in a notebook, the latest.

    Raises:
        SeqwrightError: no such class is known, with the list of those that are; or two modules define one.
    """
    found = {kind.__module__: kind for kind in _below(place) if kind.__name__ == name}
    if not found:  # it may be one of this package's own that nobody has imported yet
        known = kinds(place)
        if name not in known:
            raise SeqwrightError(
                f"there is no {place.__name__} called {name}", fix=f"choose one of: {described(known)}"
            )
        return known[name]
    if len(found) > 1:
        raise SeqwrightError(
            f"two kinds of {place.__name__} are called {name}: in {' and in '.join(found)}", fix="rename one of the two"
        )
    return next(iter(found.values()))


def described(known: dict[str, type[Any]]) -> str:
    """Name each kind with the first sentence of its docstring.

    >>> class Circle:
    ...     '''A round shape.
    ...
    ...     With more said below.'''
    >>> described({"Circle": Circle})
    'Circle (A round shape.)'
    """
    return "; ".join(f"{name} ({first_sentence(kind)})" for name, kind in known.items())


def first_sentence(kind: object) -> str:
    """Return the first line of a docstring; an empty one where there is none."""
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def part_of(place: Any, value: Any) -> Any:
    """Decode the part that takes a place: msgspec calls this for every field whose type is a :class:`Place`.

    Raises:
        ValueError: the value names no known kind, or does not fit its fields; msgspec adds the path.
        NotImplementedError: the type is not a place.
    """
    if not (isinstance(place, type) and issubclass(place, Place)):
        raise NotImplementedError(f"{place} is not a place")
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"Expected a {place.__name__}, an object with a `type`")
    try:
        return msgspec.convert(value, kind_called(place, name), dec_hook=part_of)
    except SeqwrightError as error:
        raise ValueError(str(error)) from error
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _below(place: type[Any]) -> list[type[Any]]:
    found = []
    for kind in place.__subclasses__():
        found += [kind] if issubclass(kind, msgspec.Struct) and not inspect.isabstract(kind) else []
        found += _below(kind)
    return found
