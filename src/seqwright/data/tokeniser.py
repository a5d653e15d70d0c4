"""How text becomes symbols, and symbols text again.

``join(split(text)) == text`` holds for all of them but :class:`Spaced`, which forgets how many separators stood side by
side and at the ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
import regex

from seqwright.core.spec import Spec
from seqwright.data.subwords import Subwords


class Characters(Spec):
    """Each Unicode code point is a symbol; an accent that is a code point of its own is one too.

    >>> Characters().split("cat")
    ('c', 'a', 't')
    """

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(text)

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)


class Graphemes(Spec):
    """Each extended grapheme cluster is a symbol: what people see as one character (Unicode Standard Annex 29).

    >>> [len(symbol) for symbol in Graphemes().split("e\\u0301a")]  # é, a
    [2, 1]
    """

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(_CLUSTER.findall(text))

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)


class Spaced(Spec):
    """Symbols stand in the text with separators between them, as sounds do in pronunciation files.

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


class Bytes(Spec):
    """Each byte of the text's UTF-8 is a symbol: 256 of them write any text, and no text has unknown ones.

    A model can write bytes that are no UTF-8; these are shown as U+FFFD. What is no byte is left as it is.

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


TokeniserSpec = Characters | Graphemes | Spaced | Bytes | Subwords

_CLUSTER = regex.compile(r"\X")
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BYTE = re.compile("<0x([0-9A-F]{2})>")
