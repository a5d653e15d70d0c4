"""File formats: where a file has the two sides of each row.

A format reads a file as rows (:meth:`Format.rows`), and the prompts of a trained model: a source alone, or a whole row,
whose target is then ignored. No first line is taken for a header, except where the format always has one (CSV).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import ClassVar, NamedTuple

from seqwright.core.errors import SeqwrightError
from seqwright.core.place import Place, kinds
from seqwright.data.lines import Input, Line, without_blank_end


class RawRow(NamedTuple):
    """A row as text; ``where`` is its ``file:line``."""

    source: str
    target: str
    features: tuple[str, ...] = ()
    where: str = ""


class Format(Place):
    """The format of a file of rows.

    A format of one's own gives :meth:`rows`, and :attr:`suffixes` if it is to be chosen by a file's name.
    """

    __slots__ = ()
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Endings of file names, such as ``.csv``, by which this format is chosen."""

    is_text: ClassVar[bool] = False
    """True for files of one long text, all of it targets, instead of pairs."""

    @abstractmethod
    def rows(self, path: Path | str) -> Iterator[RawRow]:
        """Yield the rows of a file; ``-`` is standard input.

        Raises:
            SeqwrightError: the file, or a row in it, does not have this format.
        """

    def open(self, path: Path | str) -> RowFile:
        """Open a file to read its rows once."""
        with Input(path) as file:  # a missing file has the same message in every format
            return RowFile(self, self.rows(path), file)

    def prompts(self, path: Path | str) -> Iterator[RawRow | None]:
        """Yield the prompts of a file: its rows where its name has one of the suffixes, otherwise its lines.

        ``None`` where the next line has not been written yet.
        """
        return self.rows(path) if str(path).lower().endswith(self.suffixes) else self.line_prompts(path)

    def line_prompts(self, path: Path | str) -> Iterator[RawRow | None]:
        """Yield the lines of a text file as prompts; ``None`` where the next line has not been written yet."""
        with Input(path) as file:
            prompts = self.parse_prompts(file.lines())
            while True:
                if file.waits():
                    yield None
                prompt = next(prompts, None)
                if prompt is None:
                    return
                yield prompt

    def parse_prompts(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Return the lines of a file as prompts."""
        return map(self.prompt, lines)

    def prompt(self, line: Line) -> RawRow:
        """Return one text as a prompt, with an empty target.

        Raises:
            SeqwrightError: the text cannot be one.
        """
        return RawRow(line.text, "", (), line.where)

    @classmethod
    def of_columns(cls, source: str | None, target: str | None, features: str | None) -> Format:
        """Return the format for columns named by the user, the kind's own columns where ``None``.

        Raises:
            SeqwrightError: the kind has no such column.
        """
        given = {"source": source, "target": target, "features": features}
        columns = {name: column for name, column in given.items() if column is not None}
        for name in columns:
            if name not in getattr(cls, "__struct_fields__", ()):
                raise SeqwrightError(f"--{name}-column is not for files of the kind {cls.__name__}", fix="leave it out")
        return cls(**columns)


class RowFile(NamedTuple):
    """An open file of rows, which can be read once.

    Attributes:
        format: the file's format, with everything that its first line decides.
        rows: the rows as text.
        file: what closes the file and tells how much of it was read.
    """

    format: Format
    rows: Iterator[RawRow]
    file: Input


def format_of(path: Path) -> type[Format] | None:
    """Return the kind of format whose suffix a file's name has (before ``.gz``); ``None`` where no kind has it."""
    name = path.name.lower().removesuffix(".gz")
    return next((kind for kind in kinds(Format).values() if name.endswith(kind.suffixes)), None)


class LineFormat(Format):
    """A format of text lines, plain or gzipped, also from standard input."""

    __slots__ = ()

    @abstractmethod
    def parse(self, lines: Iterator[Line]) -> Iterator[RawRow]:
        """Return the rows of a file's lines.

        Raises:
            SeqwrightError: a line does not have the format.
        """

    def rows(self, path: Path | str) -> Iterator[RawRow]:
        opened = self.open(path)
        with opened.file:
            yield from opened.rows

    def open(self, path: Path | str) -> RowFile:
        file = Input(path)
        try:
            lines = self.lines(file)
            first = next(lines, None)
            if first is None:
                raise SeqwrightError("the file is empty", where=file.name, fix="give at least one line")
            resolved = self.resolved(first)
            return RowFile(resolved, resolved.parse(chain([first], lines)), file)
        except SeqwrightError:
            file.__exit__()
            raise

    def lines(self, file: Input) -> Iterator[Line]:
        """Return the lines to parse; blank ones at the end are left out."""
        return without_blank_end(file.lines())

    def resolved(self, first: Line) -> LineFormat:
        """Return the format of a file with this first line."""
        return self

    def prompts(self, path: Path | str) -> Iterator[RawRow | None]:
        return self.line_prompts(path)
