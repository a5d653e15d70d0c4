"""Reports of an examination: as data, as text and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec

from seqwright import __version__
from seqwright.core.spec import Spec
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Finding
from seqwright.doctor.page import by_verdict, dependency_chart, details, lead, sections
from seqwright.report.formatting import count
from seqwright.report.page import Page


class Report(Spec, tag=False):
    """The findings of an examination.

    Attributes:
        model: the class of the model.
        contract: the contract that it was compared with.
        contract_inferred: whether the contract was read off the model rather than given.
        findings: one for each check.
        seconds: the time that it took.
        notes: limits of the examination.
        incomplete: checks that raised an error before their end.
        dependency: the greatest change of outputs (rows) when tokens (columns) were replaced.
    """

    model: str
    contract: Contract
    contract_inferred: bool
    findings: list[Finding]
    seconds: float
    notes: list[str]
    incomplete: list[str] = msgspec.field(default_factory=list)
    dependency: list[list[float]] = msgspec.field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """True where no check failed."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """The findings of checks that failed."""
        return [finding for finding in self.findings if finding.verdict == "fail"]

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        result = f"{count(len(self.failed), 'check')} failed" if self.failed else "no check failed"
        return result + (f", and {len(self.incomplete)} could not be completed" if self.incomplete else "")

    def of(self, check: str) -> Finding:
        """Return the finding of a check.

        Raises:
            KeyError: there is none of that name.
        """
        return {finding.check: finding for finding in self.findings}[check]

    def text(self) -> str:
        """Return the findings as lines: faults with their proof, the rest in one line each."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        contract = self.contract
        inferred = " (read off the model: give a contract if this is wrong)" if self.contract_inferred else ""
        yield f"{self.model}: {contract.kind}, {contract.visibility_text}, vocabulary {contract.vocabulary_text}{inferred}"
        for finding in by_verdict(self.findings):
            where = f" ({finding.where})" if finding.where else ""
            detailed = finding.verdict in ("fail", "warn")
            if detailed:
                yield ""
            yield f"{finding.verdict:13} {finding.check}{where}"
            if finding.verdict != "pass":
                yield f"    {finding.explanation}"
            if detailed:
                yield from (f"    {name}: {text}" for name, text in details(finding))
                if finding.counterexample:
                    yield from (f"    {line}" for line in finding.counterexample.lines())
        for note in self.notes:
            yield f"note: {note}"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Report of {self.model}: {self.verdict}>"

    def _repr_html_(self) -> str:
        chart = dependency_chart(self.contract, self.dependency)
        drawn = str(chart.inline) if chart else ""
        return f'<div>{drawn}<pre style="white-space: pre-wrap">{escape(self.text())}</pre></div>'

    def html(self, path: Path | str) -> Path:
        """Write the report as a page, and return its path."""
        contract = self.contract
        facts = (
            ("kind", contract.kind),
            ("visibility", contract.visibility_text),
            ("vocabulary", contract.vocabulary_text),
            ("contract", "read off the model" if self.contract_inferred else "given"),
            ("seconds", f"{self.seconds:.1f}"),
            ("seqwright", __version__),
        )
        chart = dependency_chart(contract, self.dependency)
        parts = sections(self.findings, chart, self.notes)
        page = Page(f"{self.model}: examination", tuple(lead(self.findings, self.incomplete)), facts, parts)
        return page.write(Path(path))
