"""Tokenisers: text to symbols, and symbols back to text."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated

import msgspec
import regex

from seqwright.core.place import Place
from seqwright.core.spec import Spec


class Tokeniser(Place):
    """A way of splitting text into symbols.

    ``join(split(text)) == text`` for every tokeniser but :class:`Spaced`, which keeps neither repeated separators nor those
    at the ends.
    """

    __slots__ = ()

    @abstractmethod
    def split(self, text: str) -> tuple[str, ...]:
        """Split text into symbols."""

    @abstractmethod
    def join(self, symbols: Sequence[str]) -> str:
        """Join symbols to text."""


class Characters(Spec, Tokeniser):
    """Symbols are Unicode code points; an accent that is a code point of its own is a symbol of its own.

    >>> Characters().split("cat")
    ('c', 'a', 't')
    """

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(text)

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)


class Graphemes(Spec, Tokeniser):
    r"""Symbols are extended grapheme clusters, which readers see as one character (Unicode Standard Annex 29).

    >>> [len(symbol) for symbol in Graphemes().split("e\u0301a")]  # é, a
    [2, 1]
    """

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(_CLUSTER.findall(text))

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)


class Spaced(Spec, Tokeniser):
    """Symbols are separated in the text, as sounds are in pronunciation files.

    >>> Spaced().split("oʊ  k ")
    ('oʊ', 'k')
    >>> Spaced().join(("oʊ", "k"))
    'oʊ k'
    """

    separator: Annotated[str, msgspec.Meta(min_length=1)] = " "

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(piece for piece in text.split(self.separator) if piece)

    def join(self, symbols: Sequence[str]) -> str:
        return self.separator.join(symbols)


class Bytes(Spec, Tokeniser):
    """Symbols are the bytes of the text's UTF-8: 256 symbols write any text, so no symbol is unknown.

    Predicted bytes that are not UTF-8 are shown as U+FFFD. Symbols that are not bytes are left as they are.

    >>> Bytes().split("Aé")
    ('<0x41>', '<0xC3>', '<0xA9>')
    >>> Bytes().join(("<0x41>", "<0xC3>"))
    'A\ufffd'
    """

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(map(_BYTES.__getitem__, text.encode()))

    def join(self, symbols: Sequence[str]) -> str:
        return b"".join(
            bytes.fromhex(found[1]) if (found := _BYTE.fullmatch(symbol)) else symbol.encode() for symbol in symbols
        ).decode(errors="replace")


_CLUSTER = regex.compile(r"\X")
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BYTE = re.compile("<0x([0-9A-F]{2})>")
