"""Unicode normalisation: the form in which a model reads text, and the form in which answers are shown.

A letter with an accent can be one code point or two, a Hangul syllable one or three. The form is chosen once and kept
with the model.
"""

from __future__ import annotations

import re
import unicodedata
from abc import abstractmethod
from collections.abc import Iterable

from seqwright.core.place import Place
from seqwright.core.spec import Spec


class Normalisation(Place):
    """A Unicode form for text that a model reads."""

    __slots__ = ()

    @abstractmethod
    def apply(self, text: str) -> str:
        """Return the form that a model reads."""

    @abstractmethod
    def restore(self, text: str) -> str:
        """Return the form that users are shown."""


class AsIs(Spec, Normalisation):
    """Text as the file has it."""

    def apply(self, text: str) -> str:
        return text

    def restore(self, text: str) -> str:
        return text


class NFC(Spec, Normalisation):
    r"""Composed: a letter and its accent are one code point wherever Unicode has one.

    >>> len("e\u0301"), len(NFC().apply("e\u0301"))
    (2, 1)
    """

    def apply(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def restore(self, text: str) -> str:
        return text  # predictions are composed already


class NFD(Spec, Normalisation):
    """Decomposed: accents are symbols of their own, so that a model can treat é as e with an accent.

    Users are shown NFC, which nearly all files, keyboards and fonts have; answers are compared symbol by symbol before
    that, so that no measure depends on it.

    >>> NFD().restore(NFD().apply("é")) == "é"
    True
    """

    def apply(self, text: str) -> str:
        return unicodedata.normalize("NFD", text)

    def restore(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


class Jamo(Spec, Normalisation):
    """Hangul syllables decomposed into their letters (conjoining jamo), all other text as it is.

    11,172 syllables become 67 letters, most of which occur in any small file. Answers are composed into syllables again.
    Only a text that already has conjoining jamo beside syllables is not restored exactly. For grapheme clusters the letters
    of a syllable are still one symbol: use this with characters, bytes and subwords.

    >>> len(Jamo().apply("한국")), Jamo().restore(Jamo().apply("한국 é"))
    (6, '한국 é')
    """

    def apply(self, text: str) -> str:
        return _SYLLABLE.sub(lambda found: unicodedata.normalize("NFD", found[0]), text)

    def restore(self, text: str) -> str:
        return _LETTERS.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


_SYLLABLE = re.compile("[\uac00-\ud7a3]+")
_LETTERS = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")
_STRAY = {"\ufeff": "byte order marks", "\u200b": "zero-width spaces", "\u2060": "word joiners"}


def hint(texts: Iterable[str]) -> str | None:
    """Return one sentence of advice where such texts are known to be learnt better in another form.

    >>> hint(["한국"])
    'there are Hangul syllables: decomposed into letters they are learnt far better (89 against 28 % WER on Korean
    pronunciation); try --normalise jamo'
    >>> hint(["plain"]) is None
    True
    """
    composed = decomposed = apart = False
    stray: set[str] = set()
    for text in texts:
        if text.isascii():
            continue
        if _SYLLABLE.search(text):
            return (
                "there are Hangul syllables: decomposed into letters they are learnt far better"
                " (89 against 28 % WER on Korean pronunciation); try --normalise jamo"
            )
        short = unicodedata.normalize("NFC", text)
        composed |= unicodedata.normalize("NFD", text) != text
        decomposed |= short != text
        apart |= len(short) < len(text)
        stray |= _STRAY.keys() & set(text)
    if composed and decomposed:
        return "the same letters are written in two ways, some composed and some not (NFC and NFD); try --normalise nfc"
    if apart:
        return "accents are separate from their letters, two symbols where NFC has one; compare with --normalise nfc"
    if stray:
        found = " and ".join(_STRAY[character] for character in sorted(stray))
        return f"there are {found} in the text, invisible characters that a model learns as symbols; remove them if not meant"
    return None
