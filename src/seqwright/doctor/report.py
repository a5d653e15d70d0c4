"""What an examination found, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from seqwright.core.spec import Spec
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Finding, Verdict

ORDER: tuple[Verdict, ...] = ("fail", "warn", "inconclusive", "pass", "not-examined")
"""Worst first."""


class Report(Spec, tag=False):
    """The findings of an examination.

    Attributes:
        model: the class of what was examined.
        contract: what it was held against.
        read_off: whether the contract was read off the model rather than given.
        findings: one for each check.
        seconds: how long it took.
        notes: what was left out, and why.
        broken_off: checks that could not be made to their end.
        matrix: how far outputs (rows) moved when tokens (columns) were replaced.
    """

    model: str
    contract: Contract
    read_off: bool
    findings: list[Finding]
    seconds: float
    notes: list[str]
    broken_off: list[str] = msgspec.field(default_factory=list)
    matrix: list[list[float]] = msgspec.field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """What failed."""
        return [finding for finding in self.findings if finding.verdict == "fail"]

    @property
    def verdict(self) -> str:
        """The whole in a few words."""
        broken, lost = len(self.failed), len(self.broken_off)
        told = (
            f"{broken} {'promise is' if broken == 1 else 'promises are'} broken" if broken else "no promise is broken"
        )
        return told + (f", and {lost} could not be examined" if lost else "")

    def of(self, check: str) -> Finding:
        """The finding of a check.

        Raises:
            KeyError: there is none of that name.
        """
        found = {finding.check: finding for finding in self.findings}
        return found[check]

    def text(self) -> str:
        """The findings as lines: faults with their proof, the rest in one line each."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.model}: {self.contract.kind}, {_seen(self.contract)}, vocabulary {self.contract.vocabulary}" + (
            " (read off the model: give a contract where it is wrong)" if self.read_off else ""
        )
        for finding in sorted(self.findings, key=lambda each: ORDER.index(each.verdict)):
            where = f" ({finding.where})" if finding.where else ""
            if finding.verdict in ("fail", "warn"):
                yield ""
            yield f"{finding.verdict:13} {finding.check}{where}"
            if finding.verdict in ("fail", "warn"):
                yield f"    {finding.explanation}"
                if finding.evidence:
                    yield f"    measured: {', '.join(f'{name} {number(value)}' for name, value in finding.evidence.items())}"
                if finding.counterexample:
                    yield from (f"    {line}" for line in finding.counterexample.lines())
                if finding.remedy:
                    yield f"    mend: {finding.remedy.words}"
                    if finding.remedy.edit:
                        yield f"    edit: {finding.remedy.edit}"
            elif finding.verdict != "pass":
                yield f"    {finding.explanation}"
        for note in self.notes:
            yield f"note: {note}"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Report of {self.model}: {self.verdict}>"

    def _repr_html_(self) -> str:
        from seqwright.doctor.page import fragment

        return fragment(self)

    def html(self, path: Any) -> Any:
        """Write a page of it, and say where."""
        from pathlib import Path

        from seqwright.doctor.page import page

        return page(self).write(Path(path))


def _seen(contract: Contract) -> str:
    return contract.sees if isinstance(contract.sees, str) else str(contract.sees)


def number(value: float | str) -> str:
    """A measurement as people read it."""
    return value if isinstance(value, str) else f"{value:.3g}"
