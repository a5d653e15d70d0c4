"""Preprocessing: from files to pairs of symbols, as a value that a trained model keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.batch import Pair
from seqwright.data.formats import Format, RawRow
from seqwright.data.line_formats import FirstLineDecides
from seqwright.data.lines import Line
from seqwright.data.normalisation import AsIs, Normalisation
from seqwright.data.subwords import TokeniserLearner
from seqwright.data.tokeniser import Characters, Tokeniser

LOOK = 10_000
"""The greatest number of unusable rows that are counted."""

_LINES = re.compile(r"[^\n]+|\n")


class PairRow(NamedTuple):
    """A pair and its location (``file:line``)."""

    pair: Pair
    where: str


class Prompt(NamedTuple):
    """A prompt: its text in the file, its symbols, and its location (``file:line``)."""

    text: str
    symbols: tuple[str, ...]
    where: str


class EmptySideError(SeqwrightError):
    """A row whose source or target has no symbols."""

    def __init__(self, side: str, where: str) -> None:
        super().__init__(f"the {side} is empty", where=where, fix="remove the line or fill the side")
        self.side = side


class Preprocessing(Spec):
    """The steps from text to symbols, and back.

    >>> from seqwright.data.tokeniser import Spaced
    >>> preprocessing = Preprocessing(target=Spaced())
    >>> preprocessing.prompt("cat"), preprocessing.target_text(("k", "æ", "t"))
    (('c', 'a', 't'), 'k æ t')

    Attributes:
        format: the format of the files.
        source, target: the tokeniser of each side; running text and its prompts use the target's.
        normalisation: the Unicode form of both sides.
    """

    format: Format = FirstLineDecides()
    source: Tokeniser = Characters()
    target: Tokeniser = Characters()
    normalisation: Normalisation = AsIs()

    def rows(self, path: Path | str) -> RowReader:
        """Open a file, or standard input (``-``), to read its pairs one by one.

        Raises:
            SeqwrightError: the file or a row in it cannot be used; with the line.
        """
        return RowReader(self, path)

    def prompt(self, text: str, where: str = "") -> tuple[str, ...]:
        """Return the symbols of a text as a prompt: a source, or what else :meth:`Format.prompt` accepts.

        Raises:
            SeqwrightError: the text is not a prompt.
        """
        return self._prompt_symbols(self.format.prompt(Line(text, "", where)))

    def prompts(self, path: Path | str) -> Iterator[Prompt | None]:
        """Yield the prompts of a file, or of standard input; ``None`` where the next line has not been written yet.

        Raises:
            SeqwrightError: the file or a line in it cannot be used; with the line.
        """
        for row in self.format.prompts(path):
            yield None if row is None else Prompt(row.source, self._prompt_symbols(row), row.where)

    def target_text(self, symbols: Sequence[str]) -> str:
        """Return a target's symbols as text in the form that users are shown."""
        return self.normalisation.restore(self.target.join(symbols))

    def pair(self, row: RawRow) -> Pair:
        """Return a row as symbols; each feature becomes a symbol ``<…>`` before the source's.

        Raises:
            SeqwrightError: a side has no symbols.
        """
        source = self.source.split(self.normalisation.apply(row.source))
        target = self.target_symbols(row.target)
        for side, symbols in (("source", source), ("target", target)):
            if not symbols:
                raise EmptySideError(side, row.where)
        return Pair(_feature_symbols(row) + source, target)

    def target_symbols(self, text: str) -> tuple[str, ...]:
        """Return the symbols of a target's text."""
        return self.target.split(self.normalisation.apply(text))

    def with_subwords(
        self, path: Path | str, *, source: TokeniserLearner | None = None, target: TokeniserLearner | None = None
    ) -> Preprocessing:
        """Return the same with tokenisers that are learnt from a file's sides; the file is read once for each.

        Raises:
            SeqwrightError: the file cannot be read more than once, or not at all; with the line.
        """
        if str(path) == "-":
            raise SeqwrightError(
                "standard input can be read only once, and subwords are learnt before the rows are read",
                fix="write it to a file first",
            )
        learners = {"source": source, "target": target}
        return msgspec.structs.replace(
            self, **{side: each.learn(self._texts(path, side)) for side, each in learners.items() if each is not None}
        )

    def _texts(self, path: Path | str, side: str) -> Iterator[str]:
        with self.rows(path) as reader:
            for row in reader.rows:
                yield self.normalisation.apply(getattr(row, side))

    def _prompt_symbols(self, row: RawRow) -> tuple[str, ...]:
        if self.format.is_text:  # line ends are symbols of their own, as in the training text
            return tuple(symbol for text in _LINES.findall(row.source) for symbol in self.target_symbols(text))
        return _feature_symbols(row) + self.source.split(self.normalisation.apply(row.source))


def _feature_symbols(row: RawRow) -> tuple[str, ...]:
    return tuple(f"<{feature}>" for feature in row.features)


class RowReader:
    """The rows of an open file, which can be read once; ``with`` closes it.

    Attributes:
        name: the file's name in messages.
        preprocessing: as given, with everything that the file's first line decides.
        rows: the rows as text.
    """

    def __init__(self, preprocessing: Preprocessing, path: Path | str) -> None:
        form, self.rows, self._file = preprocessing.format.open(path)
        self.name, self.preprocessing = self._file.name, msgspec.structs.replace(preprocessing, format=form)

    def __enter__(self) -> RowReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__()

    def __iter__(self) -> Iterator[PairRow]:
        if self.preprocessing.format.is_text:
            raise SeqwrightError("running text has no pairs", where=self.name, fix="give pairs, or name it as text")
        good = 0
        try:
            for row in self.rows:
                yield PairRow(self.preprocessing.pair(row), row.where)
                good += 1
        except SeqwrightError as error:
            raise self._counted(error, good) from error
        if not good:
            raise SeqwrightError("there are no rows under the header", where=self.name, fix="give at least one")

    def _counted(self, error: SeqwrightError, good: int) -> SeqwrightError:
        """Return the error of the first unusable row with the number of such rows; the rest of the file is read for it."""
        bad, same = 1, not good
        while bad < LOOK:
            try:
                row = next(self.rows, None)
                if row is None:
                    break
                self.preprocessing.pair(row)
                same = False
            except SeqwrightError as other:
                bad += 1
                same = same and other.what == error.what
        if bad == 1:
            return error
        if same and isinstance(error, EmptySideError):  # the column is wrong rather than the rows
            what = f"{error.what} here and on the {bad - 1:,} rows after it"
            return SeqwrightError(what, where=error.where, fix=f"name the column of the {error.side}")
        what = f"{error.what} (the first of {bad:,}{' or more' if bad == LOOK else ''} unusable rows)"
        return SeqwrightError(what, where=error.where, fix=error.fix)

    def fraction(self) -> float | None:
        """Return the fraction of the file that was read; ``None`` where its size is unknown."""
        return self._file.fraction()
