"""Reports of an examination: as data, as text and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import product
from pathlib import Path

import msgspec

from seqwright import __version__
from seqwright.core.spec import Spec
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Finding, Verdict
from seqwright.report.formatting import count, listing
from seqwright.report.page import (
    Card,
    Cards,
    Chart,
    Figure,
    Heading,
    Look,
    Page,
    Part,
    Prose,
    Section,
    Table,
    Terms,
    Text,
)

VERDICTS: dict[Verdict, Look] = {
    "fail": "bad",
    "warn": "mixed",
    "inconclusive": "neutral",
    "pass": "good",
    "not-examined": "neutral",
}
"""The verdicts, worst first, and the look of each."""

CAPTION = (
    "The change of the output at each position (rows) when the token at each position (columns) is replaced: "
    "bright is much, dark is nothing, each step of colour a power of ten. A cross: it changes, and must not."
)


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

    def by_verdict(self) -> list[Finding]:
        """Return the findings sorted by verdict, worst first."""
        return sorted(self.findings, key=lambda finding: list(VERDICTS).index(finding.verdict))

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
        for finding in self.by_verdict():
            where = f" ({finding.where})" if finding.where else ""
            detailed = finding.verdict in ("fail", "warn")
            if detailed:
                yield ""
            yield f"{finding.verdict:13} {finding.check}{where}"
            if finding.verdict != "pass":
                yield f"    {finding.explanation}"
            if detailed:
                yield from (f"    {name}: {text}" for name, text in finding.details())
                if finding.counterexample:
                    yield from (f"    {line}" for line in finding.counterexample.lines())
        for note in self.notes:
            yield f"note: {note}"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Report of {self.model}: {self.verdict}>"

    def _repr_html_(self) -> str:
        drawn = "".join(str(chart.inline) for chart in self._charts())
        return f'<div>{drawn}<pre style="white-space: pre-wrap">{escape(self.text())}</pre></div>'

    def html(self, path: Path | str) -> Path:
        """Write the report as a page, and return its path."""
        facts = (
            ("kind", self.contract.kind),
            ("visibility", self.contract.visibility_text),
            ("vocabulary", self.contract.vocabulary_text),
            ("contract", "read off the model" if self.contract_inferred else "given"),
            ("seconds", f"{self.seconds:.1f}"),
            ("seqwright", __version__),
        )
        sections = (
            Section("Faults", tuple(self._proofs("fail"))),
            Section("Warnings", tuple(self._proofs("warn"))),
            Section("Dependence of outputs on tokens", tuple(Figure((chart,), CAPTION) for chart in self._charts())),
            Section("All checks", (self._table(),)),
            Section(
                "Limits of this examination", tuple(Prose(f"{note[:1].upper()}{note[1:]}.") for note in self.notes)
            ),
        )
        shown = tuple(section for section in sections if section.parts)
        return Page(f"{self.model}: examination", tuple(self._lead()), facts, shown).write(Path(path))

    def _lead(self) -> Iterator[str]:
        """Yield the result in a sentence or two."""
        if self.failed:
            failed = [finding.check for finding in self.failed]
            yield f"{count(len(failed), 'check')} failed: {listing(failed)}."
        else:
            passed = sum(finding.verdict == "pass" for finding in self.findings)
            yield f"No check failed; {count(passed, 'check')} passed."
        if self.incomplete:
            yield f"Not completed, because of an error: {listing(self.incomplete)}."
        unsure = [finding.check for finding in self.findings if finding.verdict == "inconclusive"]
        unsure = [check for check in unsure if check not in self.incomplete]
        if unsure:
            yield f"Inconclusive: {listing(unsure)}."

    def _proofs(self, verdict: Verdict) -> Iterator[Part]:
        for finding in self.findings:
            if finding.verdict == verdict:
                yield Heading(finding.check)
                yield Prose(finding.explanation)
                yield Terms((*((("where", finding.where),) if finding.where else ()), *finding.details()))
                if finding.counterexample:
                    lines = tuple((Text(line, "code"),) for line in finding.counterexample.lines())
                    yield Cards((Card("counterexample", lines),))

    def _charts(self) -> Iterator[Chart]:
        """Draw the dependency matrix, forbidden changes marked, where it was measured."""
        from seqwright.report.heat import heat  # its charting library takes time to import, and only pages need it

        if self.dependency:
            allowed = self.contract.allowed(len(self.dependency)).tolist()
            least = 1e-6 * max(map(max, self.dependency))
            cells = product(range(len(self.dependency)), repeat=2)
            marked = frozenset((q, k) for q, k in cells if not allowed[q][k] and self.dependency[q][k] > least)
            title = "Which output depends on which token"
            yield heat("dependency", title, self.dependency, "token replaced", "output", marked)

    def _table(self) -> Table:
        rows = (
            (Text(each.check, "strong"), Text(each.verdict, VERDICTS[each.verdict]), each.where, each.explanation)
            for each in self.by_verdict()
        )
        return Table(("check", "verdict", "where", "explanation"), tuple(rows))
