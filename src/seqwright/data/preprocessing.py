"""How data is read: everything that must be known to read such data again, as a value that a trained model keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Spec
from seqwright.data.batch import Pair
from seqwright.data.formats import FirstLineDecides, FormatSpec, RawRow, RunningText
from seqwright.data.lines import Input, Line
from seqwright.data.normalisation import AsIs, NormalisationSpec
from seqwright.data.subwords import LearnerSpec
from seqwright.data.tokeniser import Characters, TokeniserSpec

_LINE = re.compile(r"([^\n]+|(?=\n))(\n?)")

LOOK = 10_000
"""Rows that are looked at before a whole column is called empty."""


class PairRow(NamedTuple):
    """A pair and where it stands (``file:line``)."""

    pair: Pair
    where: str


class Prompt(NamedTuple):
    """What a model is asked: the text as the file has it, its symbols, and where it stands (``file:line``)."""

    text: str
    symbols: tuple[str, ...]
    where: str


class Preprocessing(Spec):
    """From text to symbols, and back.

    >>> from seqwright.data.tokeniser import Spaced
    >>> reading = Preprocessing(target=Spaced())
    >>> reading.question("cat"), reading.answer(("k", "æ", "t"))
    (('c', 'a', 't'), 'k æ t')

    Attributes:
        format: where a file's rows have their two sides.
        source, target: how each side becomes symbols; running text, and what is to be continued, is all target.
        normalisation: the form that both sides are read in.
    """

    format: FormatSpec = FirstLineDecides()
    source: TokeniserSpec = Characters()
    target: TokeniserSpec = Characters()
    normalisation: NormalisationSpec = AsIs()

    def rows(self, path: Path | str) -> RowReader:
        """The pairs of a file, or of standard input (``-``), one by one.

        Raises:
            SeqwrightError: the file or a row in it cannot be used; with the line.
        """
        return RowReader(self, path)

    def question(self, line: str, where: str = "") -> tuple[str, ...]:
        """One line as a model trained on such rows is asked it: a source, or what else ``format.asked`` takes.

        An empty one has no symbols.

        Raises:
            SeqwrightError: the line is neither.
        """
        return self._source(self.format.asked(Line(line, "", where)))

    def questions(self, path: Path | str) -> Iterator[Prompt | None]:
        """The lines of a file, or of standard input, as a model is asked them; ``None`` where the next has yet to come.

        Raises:
            SeqwrightError: the file or a line in it cannot be used; with the line.
        """
        with Input(path) as file:
            records = self.format.questions(file.lines())
            while True:
                if file.waits():
                    yield None
                record = next(records, None)
                if record is None:
                    return
                yield Prompt(record.source, self._source(record), record.where)

    def answer(self, symbols: Sequence[str]) -> str:
        """A target's symbols as people read them."""
        return self.normalisation.restore(self.target.join(symbols))

    def pair(self, record: RawRow) -> Pair:
        """A row's two texts as symbols; before the source's stands each feature, as a symbol in ``<…>``.

        Raises:
            SeqwrightError: a side has no symbols.
        """
        pair = Pair(self._source(record), self.said(record))
        for side, symbols in (("source", pair.source[len(record.features) :]), ("target", pair.target)):
            if not symbols:
                raise SeqwrightError(f"the {side} is empty", where=record.where, fix="remove the line or fill the side")
        return pair

    def said(self, record: RawRow) -> tuple[str, ...]:
        """A row's target as symbols."""
        return self.target.split(self.normalisation.apply(record.target))

    def learnt(
        self, path: Path | str, *, source: LearnerSpec | None = None, target: LearnerSpec | None = None
    ) -> Preprocessing:
        """The same, with subwords that are learnt from a file's sides; the file is read once for each.

        Raises:
            SeqwrightError: the file cannot be read more than once, or not at all; with the line.
        """
        if str(path) == "-":
            raise SeqwrightError(
                "standard input can be read only once, and subwords are learnt before the rows are read",
                fix="write it to a file first",
            )
        found: dict[str, TokeniserSpec] = {}
        for side, learner in (("source", source), ("target", target)):
            if learner is not None:
                found[side] = learner.learn(self._texts(path, side))
        return msgspec.structs.replace(self, **found)

    def _texts(self, path: Path | str, side: str) -> Iterator[str]:
        with self.rows(path) as rows:
            for record in rows.records:
                yield self.normalisation.apply(getattr(record, side))

    def _source(self, record: RawRow) -> tuple[str, ...]:
        if isinstance(self.format, RunningText):  # what is asked is written as what is to follow
            lines = (Line(text, end, record.where) for text, end in _LINE.findall(record.source))
            prompt = self.format.records(lines)
            return tuple(symbol for piece in prompt for symbol in self.said(piece))
        features = tuple(f"<{feature}>" for feature in record.features)
        return features + self.source.split(self.normalisation.apply(record.source))


class RowReader:
    """The rows of a file that is being read; they can be gone through once, and ``with`` closes the file.

    Attributes:
        name: what messages call the file.
        reading: as it was given, with what the first line decided.
        records: the rows as the file has them.
    """

    def __init__(self, reading: Preprocessing, path: Path | str) -> None:
        self._file = Input(path)
        self.name = self._file.name
        lines = reading.format.lines(self._file)
        try:
            first = next(lines, None)
            if first is None:
                raise SeqwrightError("the file is empty", where=self.name, fix="give at least one line")
            self.reading = msgspec.structs.replace(reading, format=reading.format.settled(first))
        except SeqwrightError:
            self.__exit__()
            raise
        self.records = self.reading.format.records(chain([first], lines))

    def __enter__(self) -> RowReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__()

    def __iter__(self) -> Iterator[PairRow]:
        if isinstance(self.reading.format, RunningText):
            raise SeqwrightError("running text has no pairs", where=self.name, fix="give pairs, or say that it is text")
        none = True
        for record in self.records:
            if none:
                self._check_columns(record)
            none = False
            yield PairRow(self.reading.pair(record), record.where)
        if none:
            raise SeqwrightError("there are no rows under the header", where=self.name, fix="give at least one")

    def _check_columns(self, first: RawRow) -> None:
        """A side that is empty in the first row may be so in all: then the rows are not to blame."""
        for side in ("source", "target"):
            if not getattr(first, side):
                others = [getattr(record, side) for record in islice(self.records, LOOK)]
                if others and not any(others):
                    raise SeqwrightError(
                        f"the {side} is empty here and on the {len(others):,} rows after it",
                        where=first.where,
                        fix=f"say where the {side} stands",
                    )

    def fraction(self) -> float | None:
        """How much of the file was read; ``None`` where nobody knows."""
        return self._file.fraction()
