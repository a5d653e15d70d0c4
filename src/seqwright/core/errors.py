"""The one kind of error that is the user's to mend."""

from __future__ import annotations


class SeqwrightError(Exception):
    """Something the user gave cannot be used: says what, where (``file:line`` where there is one) and the mend.

    The command line prints it as one line and exits with 2; anything else that is raised is a fault of ours.

    >>> print(SeqwrightError("no tab on this line", where="pairs.tsv:3", fix="write source<TAB>target"))
    pairs.tsv:3: no tab on this line; write source<TAB>target
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return (f"{self.where}: " if self.where else "") + self.what + (f"; {self.fix}" if self.fix else "")


class TooLongError(SeqwrightError):
    """A sequence is longer than a model has room for."""


def reason(error: OSError) -> str:
    """What the system said, as part of a sentence.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    return (error.strerror or str(error)).lower()
