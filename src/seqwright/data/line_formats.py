"""The formats of text lines: tab-separated, CSV, JSON lines and running text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, ClassVar

import msgspec

from seqwright.core.errors import SeqwrightError
from seqwright.core.spec import Count, Spec
from seqwright.data.formats import Format, LineFormat, RawRow
from seqwright.data.lines import Input, Line


class TabSeparated(Spec, LineFormat):
    """One row a line, its columns separated by tabs and counted from 1.

    Attributes:
        source, target: the columns of the two sides.
        features: the column of what else the target depends on, such as ``V;PST``; features are separated by semicolons.
        columns: the number of columns of each line; ``None`` allows any number that has those needed.
    """

    source: Count = 1
    target: Count = 2
    features: Count | None = None
    columns: Count | None = None

    @property
    def needed(self) -> int:
        """The least number of columns that a row must have."""
        return max(self.source, self.target, self.features or 1)

    @classmethod
    def of_columns(cls, source: str | None, target: str | None, features: str | None) -> Format:
        if (source, target, features) == (None, None, None):
            return FirstLineDecides()
        columns = [_column_number("source", source or "1"), _column_number("target", target or "2")]
        columns += [] if features is None else [_column_number("features", features)]
        if len(set(columns)) < len(columns):
            raise SeqwrightError("two of the columns are the same", fix="give each side a column of its own")
        return cls(*columns)

    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        return map(self._row, lines)

    def _row(self, line: Line) -> RawRow:
        cells = line.text.split("\t")
        if len(cells) < self.needed or self.columns not in (None, len(cells)):
            what = f"{_tabs(len(cells) - 1)} on this line" if line.text else "this line is blank"
            raise SeqwrightError(what, where=line.where, fix=f"write {self.pattern()}")
        features = _features(cells[self.features - 1]) if self.features else ()
        return RawRow(cells[self.source - 1], cells[self.target - 1], features, line.where)

    def prompt(self, line: Line) -> RawRow:
        """Return a source, ``source<TAB>features`` where rows have features, or a whole row, as a prompt."""
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
        """Return the pattern of a row, for messages."""
        names = {self.source: "source", self.target: "target"} | ({self.features: "features"} if self.features else {})
        return "<TAB>".join(names.get(column, "…") for column in range(1, (self.columns or self.needed) + 1))


class FirstLineDecides(Spec, LineFormat):
    """Tab-separated rows of source and target, or of source, target and features, as the first line has them.

    Pronunciation files and SIGMORPHON's inflection files (lemma, form, ``V;PST``) are written so. Every line must have as
    many columns as the first (:meth:`resolved`).
    """

    def resolved(self, first: Line) -> TabSeparated:
        r"""Return the format of a file with this first line.

        Raises:
            SeqwrightError: the line has neither two nor three columns.

        >>> FirstLineDecides().resolved(Line("go\twent\tV;PST", "", "")).features
        3
        """
        columns = first.text.count("\t") + 1
        if columns not in (2, 3):
            raise SeqwrightError(
                f"{_tabs(columns - 1)} on this line" if first.text else "this line is blank",
                where=first.where,
                fix="write source<TAB>target, or source<TAB>target<TAB>features, or name the columns that are meant",
            )
        return TabSeparated(features=3 if columns == 3 else None, columns=columns)

    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        first = next(lines)
        return self.resolved(first).parse(chain([first], lines))

    def prompt(self, line: Line) -> RawRow:
        """Return a source, or a row of two columns, as a prompt."""
        return TabSeparated().prompt(line)


class CommaSeparated(Spec, LineFormat):
    """Comma-separated values under a header (RFC 4180): quoted fields may hold commas, quotation marks and line ends.

    Attributes:
        source, target: the names of the two columns in the header.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    source: str = "source"
    target: str = "target"

    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        rows = _csv_rows(lines)
        header, where = next(rows)
        source, target = (_column(header, name, where) for name in (self.source, self.target))

        def parsed(row: tuple[list[str], str]) -> RawRow:
            cells = _cells(row, header)
            return RawRow(cells[source], cells[target], (), row[1])

        return map(parsed, rows)  # unlike a generator, a map goes on after an error

    def parse_prompts(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Return the rows of a CSV file, whose header names the source's column; in any other file, each line as it is."""
        first = list(islice(lines, 1))
        lines = chain(first, lines)
        if not self._is_header(first):
            return map(self.prompt, lines)
        rows = _csv_rows(lines)
        header, where = next(rows)
        source = _column(header, self.source, where)
        return (RawRow(_cells(row, header)[source], "", (), row[1]) for row in rows)

    def _is_header(self, first: list[Line]) -> bool:
        try:
            return any(self.source in cells for cells, _ in _csv_rows(iter(first)))
        except SeqwrightError:
            return False


class JSONLines(Spec, LineFormat):
    """One JSON object a line.

    Attributes:
        source, target: the keys of the two sides.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    source: str = "source"
    target: str = "target"

    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        return map(self._row, lines)

    def _row(self, line: Line) -> RawRow:
        row = _object(line)
        return RawRow(_text(row, self.source, line.where), _text(row, self.target, line.where), (), line.where)

    def parse_prompts(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Return objects with the source's key; a line that does not begin with ``{`` is a source as it is."""
        return map(self._prompt_row, lines)

    def _prompt_row(self, line: Line) -> RawRow:
        source = _text(_object(line), self.source, line.where) if line.text.startswith("{") else line.text
        return RawRow(source, "", (), line.where)


class RunningText(Spec, LineFormat):
    """One long text without rows, to be continued."""

    is_text: ClassVar[bool] = True

    def lines(self, file: Input) -> Iterator[Line]:
        return file.pieces()

    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Yield each line, and the end of each line by itself, as targets without a source."""
        for line in lines:
            for text in filter(None, (line.text, line.end)):
                yield RawRow("", text, (), line.where)


def _column_number(side: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise SeqwrightError(
            f"--{side}-column {value}: the columns of a TSV file are given by number", fix="give 1 for the first column"
        )
    return int(value)


def _features(cell: str) -> tuple[str, ...]:
    return tuple(feature for feature in cell.split(";") if feature)


def _tabs(count: int) -> str:
    return "no tab" if count == 0 else "1 tab" if count == 1 else f"{count} tabs"


def _csv_rows(lines: Iterator[Line]) -> Iterator[tuple[list[str], str]]:
    """Yield the rows and the location of the first line of each."""
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
            reason = "a field is too long; is a quotation mark left open?" if "limit" in str(error) else str(error)
            raise SeqwrightError(
                f"this row is not CSV: {reason}",
                where=where,
                fix='put fields with commas or quotes between "…", with "" for "',
            ) from error
        yield cells, where


def _column(header: list[str], name: str, where: str) -> int:
    found = header.count(name)
    if found != 1:
        what = f"no column {name!r}" if not found else f"{found} columns {name!r}"
        raise SeqwrightError(f"{what} in the header", where=where, fix=f"its columns are: {', '.join(header[:20])}")
    return header.index(name)


def _cells(row: tuple[list[str], str], header: list[str]) -> list[str]:
    cells, where = row
    if len(cells) != len(header):
        raise SeqwrightError(
            f"{len(cells)} fields on this row, and the header has {len(header)}",
            where=where,
            fix='write each field; put those with commas between "…"',
        )
    return cells


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
