"""In which of its equivalent forms text is read, and what is shown to people again.

A letter with an accent can be one code point or two, a Hangul syllable one or three. A model sees whichever the file
has; which one suits it is a choice that is made once and kept with the model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from seqwright.core.spec import Spec


class AsIs(Spec):
    """Text as the file has it."""

    def apply(self, text: str) -> str:
        """What a model reads."""
        return text

    def restore(self, text: str) -> str:
        """What people are shown."""
        return text


class NFC(Spec):
    """Composed: a letter and its accent are one code point wherever Unicode has one.

    >>> len("e\\u0301"), len(NFC().apply("e\\u0301"))
    (2, 1)
    """

    def apply(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def restore(self, text: str) -> str:
        """The same text: what a model writes is composed already."""
        return text


class NFD(Spec):
    """Decomposed: accents stand apart, so that a model can treat é as e with something on it.

    People are shown NFC, which is what nearly all files, keyboards and fonts have; answers are compared symbol by
    symbol before that, so no figure depends on it.

    >>> NFD().restore(NFD().apply("é")) == "é"
    True
    """

    def apply(self, text: str) -> str:
        return unicodedata.normalize("NFD", text)

    def restore(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


class Jamo(Spec):
    """Hangul syllables taken apart into their letters (conjoining jamo), all other text as it is.

    11,172 syllables become 67 letters, most of which any small file shows. Answers come back as syllables. Only a text
    that already has conjoining jamo beside syllables does not come back as it was. To grapheme clusters the letters of a
    syllable still are one symbol: this is for characters, bytes and subwords.

    >>> len(Jamo().apply("한국")), Jamo().restore(Jamo().apply("한국 é"))
    (6, '한국 é')
    """

    def apply(self, text: str) -> str:
        return _SYLLABLE.sub(lambda found: unicodedata.normalize("NFD", found[0]), text)

    def restore(self, text: str) -> str:
        return _LETTERS.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


NormalisationSpec = AsIs | NFC | NFD | Jamo

_SYLLABLE = re.compile("[\uac00-\ud7a3]+")
_LETTERS = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")
_STRAY = {"\ufeff": "byte order marks", "\u200b": "zero-width spaces", "\u2060": "word joiners"}


def hint(texts: Iterable[str]) -> str | None:
    """One sentence, where such texts are known to be learnt better, or more surely, in another form.

    >>> hint(["한국"])
    'there are Hangul syllables: taken apart into letters they are learnt far better (89 against 28 % WER on Korean
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
                "there are Hangul syllables: taken apart into letters they are learnt far better"
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
        return "accents stand apart from their letters, two symbols where NFC has one; compare with --normalise nfc"
    if stray:
        found = " and ".join(_STRAY[character] for character in sorted(stray))
        return (
            f"there are {found} in the text, which nobody sees and a model learns as symbols; remove them if not meant"
        )
    return None
