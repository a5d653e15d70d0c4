"""Where a file's rows have their two sides.

A format yields a :class:`RawRow` a row (``records``), and reads what is asked of a model trained on such rows
(``asked`` for one line, ``questions`` for a file): the source alone, or a whole row, whose target is then passed over.
No first line is taken for a header, except where the format always has one (CSV).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple, cast

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.data.lines import Input, Line


class RawRow(NamedTuple):
    """A row as the file has it; ``where`` is its ``file:line``."""

    source: str
    target: str
    features: tuple[str, ...]
    where: str


class Format(Spec):
    """What formats have in common."""

    def settled(self, first: Line) -> FormatSpec:
        """The format of a file that begins so: most leave nothing open."""
        return cast("FormatSpec", self)

    def lines(self, file: Input) -> Iterator[Line]:
        """What a file is read as."""
        return file.lines()

    def records(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """The rows, once the format is settled.

        Raises:
            SeqwrightError: a line does not have the format.
        """
        raise NotImplementedError

    def asked(self, line: Line) -> RawRow:
        """One line as a question; its target is empty.

        Raises:
            SeqwrightError: the line cannot be one.
        """
        return RawRow(line.text, "", (), line.where)

    def questions(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """A file's lines as questions."""
        return map(self.asked, lines)


class TabSeparated(Format):
    """One row a line, its columns parted by tabs and counted from 1.

    Attributes:
        source, target: the columns of the two sides.
        features: the column of what else the target depends on, such as ``V;PST``; semicolons part one from the next.
        columns: how many columns each line has; ``None`` allows any number that reaches those needed.
    """

    source: Count = 1
    target: Count = 2
    features: Count | None = None
    columns: Count | None = None

    @property
    def needed(self) -> int:
        """How many columns a row must have at least."""
        return max(self.source, self.target, self.features or 1)

    def records(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        for line in lines:
            cells = line.text.split("\t")
            if len(cells) < self.needed or self.columns not in (None, len(cells)):
                raise SeqwrightError(
                    f"{_tabs(len(cells) - 1)} on this line", where=line.where, fix=f"write {self.pattern()}"
                )
            features = _features(cells[self.features - 1]) if self.features else ()
            yield RawRow(cells[self.source - 1], cells[self.target - 1], features, line.where)

    def asked(self, line: Line) -> RawRow:
        """A source; ``source<TAB>features`` where rows have features; or a whole row."""
        cells = line.text.split("\t")
        bare = 2 if self.features else 1
        if len(cells) >= self.needed > bare:
            features = _features(cells[self.features - 1]) if self.features else ()
            return RawRow(cells[self.source - 1], "", features, line.where)
        if len(cells) > bare:
            wanted = "source<TAB>features" if self.features else "the source alone"
            raise SeqwrightError(
                f"{_tabs(len(cells) - 1)} on this line", where=line.where, fix=f"write {wanted}, or {self.pattern()}"
            )
        return RawRow(cells[0], "", _features("".join(cells[1:])), line.where)

    def pattern(self) -> str:
        """What a row looks like."""
        names = {self.source: "source", self.target: "target"} | ({self.features: "features"} if self.features else {})
        return "<TAB>".join(names.get(column, "…") for column in range(1, (self.columns or self.needed) + 1))


class FirstLineDecides(Format):
    """Tab-separated, and the first line says how: two columns are source and target; in three, the last has features.

    That is how pronunciation files and SIGMORPHON's inflection files (lemma, form, ``V;PST``) are written. What the first
    line decided is kept and holds for every line (:meth:`settled`).
    """

    def settled(self, first: Line) -> TabSeparated:
        """The format of a file that begins so.

        Raises:
            SeqwrightError: the line has neither two nor three columns.

        >>> FirstLineDecides().settled(Line("go\\twent\\tV;PST", "", "")).features
        3
        """
        columns = first.text.count("\t") + 1
        if columns not in (2, 3):
            raise SeqwrightError(
                f"{_tabs(columns - 1)} on this line",
                where=first.where,
                fix="write source<TAB>target, or source<TAB>target<TAB>features, or say which columns are meant",
            )
        return TabSeparated(features=3 if columns == 3 else None, columns=columns)

    def asked(self, line: Line) -> RawRow:
        """Before any row was seen: a source, or a row of two columns."""
        return TabSeparated().asked(line)


class CommaSeparated(Format):
    """Comma-separated values under a header (RFC 4180): quoted fields may hold commas, quotation marks and line ends.

    Attributes:
        source, target: what the header calls the two columns.
    """

    source: str
    target: str

    def records(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        rows = _csv_rows(lines)
        header, where = next(rows)
        source, target = (_column(header, name, where) for name in (self.source, self.target))
        for cells, where in rows:
            _same_width(cells, header, where)
            yield RawRow(cells[source], cells[target], (), where)

    def questions(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """A file whose first line names the source's column is CSV; in any other, each line is a source as it stands."""
        first = list(islice(lines, 1))
        lines = chain(first, lines)
        if not self._heads(first):
            yield from map(self.asked, lines)
            return
        rows = _csv_rows(lines)
        header, where = next(rows)
        source = _column(header, self.source, where)
        for cells, where in rows:
            _same_width(cells, header, where)
            yield RawRow(cells[source], "", (), where)

    def _heads(self, first: list[Line]) -> bool:
        try:
            return any(self.source in cells for cells, _ in _csv_rows(iter(first)))
        except SeqwrightError:
            return False


class JSONLines(Format):
    """One JSON object a line.

    Attributes:
        source, target: the keys of the two sides.
    """

    source: str
    target: str

    def records(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        for line in lines:
            row = _object(line)
            yield RawRow(_text(row, self.source, line.where), _text(row, self.target, line.where), (), line.where)

    def asked(self, line: Line) -> RawRow:
        """An object with the source's key; a line that does not begin with ``{`` is a source as it stands."""
        source = _text(_object(line), self.source, line.where) if line.text.startswith("{") else line.text
        return RawRow(source, "", (), line.where)


class RunningText(Format):
    """No rows: one long text, to be continued."""

    def lines(self, file: Input) -> Iterator[Line]:
        return file.pieces()

    def records(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Each line, and by itself what ends it: targets that nothing asks for."""
        for line in lines:
            for text in filter(None, (line.text, line.end)):
                yield RawRow("", text, (), line.where)


FormatSpec = FirstLineDecides | TabSeparated | CommaSeparated | JSONLines | RunningText


def _features(cell: str) -> tuple[str, ...]:
    return tuple(feature for feature in cell.split(";") if feature)


def _tabs(count: int) -> str:
    return "no tab" if count == 0 else "1 tab" if count == 1 else f"{count} tabs"


def _csv_rows(lines: Iterator[Line]) -> Iterator[tuple[list[str], str]]:
    """Rows and where each begins."""
    where = ""
    start = True

    def texts() -> Iterator[str]:
        nonlocal where, start
        for line in lines:
            if start:
                where, start = line.where, False
            yield line.text + line.end

    reader = csv.reader(texts(), strict=True)
    while True:
        start = True
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            told = "a field is too long; is a quotation mark left open?" if "limit" in str(error) else str(error)
            raise SeqwrightError(
                f"this row is not CSV: {told}",
                where=where,
                fix='put fields with commas or quotes between "…", with "" for "',
            ) from error
        yield cells, where


def _column(header: list[str], name: str, where: str) -> int:
    found = header.count(name)
    if found != 1:
        told = f"no column {name!r}" if not found else f"{found} columns {name!r}"
        raise SeqwrightError(f"{told} in the header", where=where, fix=f"its columns are: {', '.join(header[:20])}")
    return header.index(name)


def _same_width(cells: list[str], header: list[str], where: str) -> None:
    if len(cells) != len(header):
        raise SeqwrightError(
            f"{len(cells)} fields on this row, and the header has {len(header)}",
            where=where,
            fix='write each field; put those with commas between "…"',
        )


def _object(line: Line) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line.text)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise SeqwrightError(f"not JSON: {error}", where=line.where, fix="write one JSON object a line") from error
    if not isinstance(row, dict):
        raise SeqwrightError("JSON, but not an object", where=line.where, fix="write one JSON object a line")
    return row


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if key not in row:
        keys = ", ".join(list(row)[:20]) or "none"
        raise SeqwrightError(f"no key {key!r} in this object", where=where, fix=f"its keys are: {keys}")
    if not isinstance(row[key], str):
        raise SeqwrightError(f"{key!r} is not text", where=where, fix="write it between quotation marks")
    if "\0" in row[key]:
        raise SeqwrightError("a NUL character", where=where, fix="remove it")
    return row[key]
