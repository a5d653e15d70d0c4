"""Lines of a file, plain or gzipped, or of standard input, read one by one.

A line ends at a line feed, with or without a carriage return before it, and nowhere else: ``str.splitlines`` would also
split at U+2028, at a form feed and at six more characters, which are ordinary symbols here.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import select
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from seqwright.core.errors import SeqwrightError, reason

LONGEST_LINE = 2**24
"""The greatest length of a line in bytes, so that a file without line feeds is not read into memory whole."""

PIECE = 2**20
"""The number of bytes of running text that are read at once."""


class Line(NamedTuple):
    """A line without its line end, the line end, and its location (``file:line``)."""

    text: str
    end: str
    where: str


class Input:
    """A file that is read once, from its beginning; ``with`` closes it.

    ``-`` is standard input. Gzip is recognised by its first bytes, whatever the file's name.

    Attributes:
        name: the file's name in messages.

    Raises:
        SeqwrightError: there is no such file, or it cannot be opened; while reading, a line is not UTF-8 or the gzip data
            are damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        try:
            self._file = _standard_input() if str(path) == "-" else open(path, "rb")  # noqa: SIM115  # closed on exit
            head = self._file.peek(2)[:2]
        except (OSError, ValueError) as error:
            message = (isinstance(error, OSError) and error.strerror) or str(error)
            raise SeqwrightError(
                f"cannot be read: {message.lower()}", where=self.name, fix="name a file, or - for standard input"
            ) from error
        self._bytes = cast(BinaryIO, gzip.GzipFile(fileobj=self._file) if head == b"\x1f\x8b" else self._file)

    def __enter__(self) -> Input:
        return self

    def __exit__(self, *error: object) -> None:
        if self.name != "standard input":
            self._file.close()

    def lines(self) -> Iterator[Line]:
        """Yield the lines, in order."""
        for number, raw in enumerate(self._read(LONGEST_LINE + 1), 1):
            if len(raw) > LONGEST_LINE:
                raise SeqwrightError(
                    f"this line is longer than {LONGEST_LINE:,} bytes",
                    where=f"{self.name}:{number}",
                    fix="write one row a line, or read running text with --text",
                )
            body, end = (raw[:-1], "\n") if raw.endswith(b"\n") else (raw, "")
            body = body.removesuffix(b"\r") if end else body
            body = body.removeprefix(codecs.BOM_UTF8) if number == 1 else body
            try:
                text = body.decode()
            except UnicodeDecodeError as error:
                raise self._not_utf8(raw, number, error.start) from error
            yield Line(self._without_nul(text, number), end, f"{self.name}:{number}")

    def pieces(self) -> Iterator[Line]:
        """Yield running text: as :meth:`lines`, but long lines in pieces, all but the last without a line end."""
        number, decoder = 1, codecs.getincrementaldecoder("utf-8-sig")()
        for raw in self._read(PIECE):
            kept = len(decoder.getstate()[0])  # bytes of a character that the last piece split
            try:
                text = decoder.decode(raw)
            except UnicodeDecodeError as error:
                raise self._not_utf8(raw, number, max(0, error.start - kept)) from error
            body, end = (text[:-1], "\n") if text.endswith("\n") else (text, "")
            body = body.removesuffix("\r") if end else body
            yield Line(self._without_nul(body, number), end, f"{self.name}:{number}")
            number += bool(end)
        if decoder.getstate()[0]:
            raise self._not_utf8(b"", number, 0)

    def fraction(self) -> float | None:
        """Return the fraction of the file that was read; ``None`` where its size is unknown."""
        try:
            status = os.fstat(self._file.fileno())
            return min(1.0, self._file.tell() / status.st_size) if stat.S_ISREG(status.st_mode) else None
        except (OSError, ValueError, ZeroDivisionError):
            return None

    def waits(self) -> bool:
        """Return whether the next line is not available yet: a pipe or terminal has no complete line just now."""
        if self._bytes is not self._file:
            return False  # gzip data is not interactive
        try:
            number = self._file.fileno()
            if stat.S_ISREG(os.fstat(number).st_mode):
                return False
            blocking = os.get_blocking(number)
            os.set_blocking(number, False)  # see what is buffered without waiting
            try:
                seen = self._file.peek(1)
            finally:
                os.set_blocking(number, blocking)
            return b"\n" not in seen and not select.select([number], [], [], 0)[0]
        except (OSError, ValueError):
            return False  # in memory, or of a kind that cannot be polled

    def _read(self, most: int) -> Iterator[bytes]:
        number = 1
        try:
            while raw := self._bytes.readline(most):
                yield raw
                number += raw.endswith(b"\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = (
                "the gzip data end too early" if isinstance(error, EOFError) else f"the gzip data are broken ({error})"
            )
            raise SeqwrightError(what, where=f"{self.name}:{number}", fix="pack or fetch the file again") from error
        except OSError as error:
            raise SeqwrightError(
                f"cannot be read: {reason(error)}",
                where=f"{self.name}:{number}",
                fix="name a file, or - for standard input",
            ) from error

    def _without_nul(self, text: str, number: int) -> str:
        if "\0" in text:
            raise SeqwrightError("a NUL byte", where=f"{self.name}:{number}", fix="save the file as plain UTF-8 text")
        return text

    def _not_utf8(self, raw: bytes, number: int, byte: int) -> SeqwrightError:
        utf16 = number == 1 and raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return SeqwrightError(
            f"byte {byte + 1} of this line is not UTF-8" + (" (the file seems to be UTF-16)" if utf16 else ""),
            where=f"{self.name}:{number}",
            fix="save the file as UTF-8",
        )


def _standard_input() -> io.BufferedReader:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OSError("there is no standard input")
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)


def as_file(path: Path | str, copy: Path) -> Path:
    """Return a path that can be read more than once: that of a file, or of a copy of standard input (``-``)."""
    if str(path) != "-":
        return Path(path)
    with open(copy, "wb") as file:
        stream = _standard_input()
        while data := stream.read(PIECE):
            file.write(data)
    return copy


def without_blank_end(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield the lines up to the last one that has any text."""
    blank: list[Line] = []
    for line in lines:
        if line.text:
            yield from blank
            blank.clear()
            yield line
        else:
            blank.append(line)
