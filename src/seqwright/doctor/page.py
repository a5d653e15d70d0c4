"""Parts of a report's page: findings with their proof, the dependency matrix, and the table of all checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Finding, Verdict
from seqwright.report.formatting import count, listing
from seqwright.report.heat import heat
from seqwright.report.page import (
    Card,
    Cards,
    Chart,
    Figure,
    Heading,
    Look,
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


def by_verdict(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings sorted by verdict, worst first."""
    return sorted(findings, key=lambda finding: list(VERDICTS).index(finding.verdict))


def details(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield what was measured and how to fix it, each with a heading."""
    if finding.evidence:
        values = {name: each if isinstance(each, str) else f"{each:.3g}" for name, each in finding.evidence.items()}
        yield "measured", ", ".join(f"{name} {value}" for name, value in values.items())
    if finding.remedy:
        yield "fix", finding.remedy.fix
        if finding.remedy.edit:
            yield "edit", str(finding.remedy.edit)


def lead(findings: Sequence[Finding], incomplete: Sequence[str]) -> Iterator[str]:
    """Yield the result in a sentence or two."""
    failed = [finding.check for finding in findings if finding.verdict == "fail"]
    if failed:
        yield f"{count(len(failed), 'check')} failed: {listing(failed)}."
    else:
        passed = sum(finding.verdict == "pass" for finding in findings)
        yield f"No check failed; {count(passed, 'check')} passed."
    if incomplete:
        yield f"Not completed, because of an error: {listing(incomplete)}."
    unsure = [each.check for each in findings if each.verdict == "inconclusive" and each.check not in incomplete]
    if unsure:
        yield f"Inconclusive: {listing(unsure)}."


def sections(findings: Sequence[Finding], chart: Chart | None, notes: Sequence[str]) -> tuple[Section, ...]:
    """Return the sections of the page; those without content are left out."""
    every = (
        Section("Faults", tuple(_proofs(findings, "fail"))),
        Section("Warnings", tuple(_proofs(findings, "warn"))),
        Section("Dependence of outputs on tokens", (Figure((chart,), CAPTION),) if chart else ()),
        Section("All checks", (_table(findings),)),
        Section("Limits of this examination", tuple(Prose(f"{note[:1].upper()}{note[1:]}.") for note in notes)),
    )
    return tuple(section for section in every if section.parts)


def _proofs(findings: Sequence[Finding], verdict: Verdict) -> Iterator[Part]:
    for finding in findings:
        if finding.verdict == verdict:
            yield Heading(finding.check)
            yield Prose(finding.explanation)
            yield Terms((*((("where", finding.where),) if finding.where else ()), *details(finding)))
            if finding.counterexample:
                lines = tuple((Text(line, "code"),) for line in finding.counterexample.lines())
                yield Cards((Card("counterexample", lines),))


def dependency_chart(contract: Contract, dependency: Sequence[Sequence[float]]) -> Chart | None:
    """Draw the dependency matrix, forbidden changes marked; ``None`` where it was not measured."""
    if not dependency:
        return None
    allowed = contract.allowed(len(dependency)).tolist()
    greatest = max(max(row) for row in dependency)
    cells = product(range(len(dependency)), repeat=2)
    marked = frozenset((q, k) for q, k in cells if not allowed[q][k] and dependency[q][k] > 1e-6 * greatest)
    return heat("dependency", "Which output depends on which token", dependency, "token replaced", "output", marked)


def _table(findings: Sequence[Finding]) -> Table:
    rows = (
        (Text(each.check, "strong"), Text(each.verdict, VERDICTS[each.verdict]), each.where, each.explanation)
        for each in by_verdict(findings)
    )
    return Table(("check", "verdict", "where", "explanation"), tuple(rows))
