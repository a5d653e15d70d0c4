"""Errors that the user can fix."""

from __future__ import annotations


class SeqwrightError(Exception):
    """Input that cannot be used: the problem, its location (``file:line`` where there is one) and a way to fix it.

    The command line prints it as one line and exits with 2; any other exception is a bug of this package.

    >>> print(SeqwrightError("no tab on this line", where="pairs.tsv:3", fix="write source<TAB>target"))
    pairs.tsv:3: no tab on this line; write source<TAB>target
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return (f"{self.where}: " if self.where else "") + self.what + (f"; {self.fix}" if self.fix else "")


class TooLongError(SeqwrightError):
    """A sequence that is longer than the model's maximum length."""


def reason(error: OSError) -> str:
    """Return the operating system's message, in lower case for use inside a sentence.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    return (error.strerror or str(error)).lower()
