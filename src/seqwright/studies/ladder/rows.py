"""What the report reads off a study's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from seqwright.core.spec import Spec
from seqwright.studies.experiment import Claim, Row


class Rung(Row, tag=False):
    """A row of the ladder; its base is a rung, and is called so when it is written down."""

    base: str = msgspec.field(name="rung")

    @property
    def rung(self) -> str:
        """The rung it stands on."""
        return self.base

    @classmethod
    def of(cls, row: Row) -> Rung:
        """A row of a study, as one of the ladder's."""
        return cls(**{name: getattr(row, name) for name in row.__struct_fields__})


class LadderResult(Spec, tag=False):
    """All that the ladder found: what ``--json`` prints and ``results.json`` holds.

    ``seconds`` is the work of all processes added up, so a study that was killed and went on says the same.
    """

    study: str
    seeds: int
    seconds: float
    rungs: list[Rung]
    claims: list[Claim]


def is_own(rows: Sequence[Rung]) -> bool:
    """Whether the study is of the user's own pairs: there symbols are no scalars, so rung plain is absent."""
    return all(row.rung != "plain" for row in rows)


def seeds_of(row: Rung) -> int:
    return len(row.matches)


def learnt(row: Rung) -> int:
    return sum(match == 1 for match in row.matches)


def learnt_of(row: Rung, between: str = " of ") -> str:
    return f"{learnt(row)}{between}{seeds_of(row)}"


def place(row: Rung, told: str = "") -> str:
    """A row in a sentence: its rung, and its task or, for a control, what was changed."""
    what = row.task if row.variant == "paper" else row.variant
    return f"{row.rung} ({what}{f': {told}' if told else ''})"


def controls_with_base(rows: Sequence[Rung]) -> Iterator[tuple[Rung, Rung]]:
    """Every control with the paper's row that it changes."""
    bases = {(row.rung, row.task): row for row in rows if row.variant == "paper"}
    for row in rows:
        if row.variant != "paper" and (row.rung, row.task) in bases:
            yield row, bases[row.rung, row.task]


def distinct_controls(rows: Sequence[Rung]) -> list[tuple[Rung, Rung]]:
    return list({(row.rung, row.variant): (row, base) for row, base in controls_with_base(rows)}.values())


def loss_misleads(row: Rung, base: Rung) -> bool:
    """Whether a control's loss is lower than the paper's and yet it answers less: intervals apart, medians apart.

    With another head the loss is over other symbols, and the two cannot be compared.
    """
    same_symbols = row.spec.head == base.spec.head
    lower = row.train_loss.high < base.train_loss.low
    return same_symbols and lower and row.exact_match.median < base.exact_match.median


def unique(items: Iterator[str] | Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
