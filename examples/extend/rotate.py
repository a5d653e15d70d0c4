r"""A task: a sequence with known answers, drawn at any length.

    seqwright --import examples/extend/rotate.py study tasks
    seqwright --import examples/extend/rotate.py study positions --task rotate:by=3 --quick

The second line asks which kind of position the task needs.
"""

from collections.abc import Sequence

from seqwright.core.spec import Count, Spec
from seqwright.tasks.alphabets import letters
from seqwright.tasks.task import Task


class Rotate(Spec, Task):
    """The source with its first symbols moved to the end, ``by`` of them.

    Needs positions at both ends: the answer begins in the middle of the source and ends before its beginning.

    >>> Rotate().row("a b c d")
    'a b c d -> c d a b'
    """

    by: Count = 2
    symbols: Count = 8

    @property
    def shortest(self) -> int:
        return self.by

    def source_symbols(self, longest: int) -> tuple[str, ...]:
        return letters(self.symbols)

    def answer(self, source: Sequence[str]) -> tuple[str, ...]:
        return (*source[self.by :], *source[: self.by])
