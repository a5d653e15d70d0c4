"""A report as a page, and as what a notebook shows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from seqwright import __version__
from seqwright.doctor.finding import Finding
from seqwright.doctor.report import ORDER, Report, number
from seqwright.report.formatting import count, listing
from seqwright.report.heat import heat
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

LOOKS: dict[str, Look] = {
    "fail": "bad",
    "warn": "mixed",
    "pass": "good",
    "inconclusive": "neutral",
    "not-examined": "neutral",
}


def page(report: Report) -> Page:
    """Faults first, each with its proof; then the picture of who depends on whom; then every check."""
    contract = report.contract
    facts = (
        ("kind", contract.kind),
        ("sees", contract.sees if isinstance(contract.sees, str) else str(contract.sees)),
        ("vocabulary", str(contract.vocabulary)),
        ("contract", "read off the model" if report.read_off else "given"),
        ("seconds", f"{report.seconds:.1f}"),
        ("seqwright", __version__),
    )
    sections = [
        Section("What is wrong", tuple(_proofs(report, "fail"))),
        Section("Warnings", tuple(_proofs(report, "warn"))),
        Section("Who depends on whom", tuple(_picture(report))),
        Section("Every check", (_table(report),)),
        Section("What was left out", tuple(Prose(f"{note[:1].upper()}{note[1:]}.") for note in report.notes)),
    ]
    return Page(
        f"{report.model}: what the doctor says",
        tuple(lead(report)),
        facts,
        tuple(each for each in sections if each.parts),
    )


def lead(report: Report) -> Iterator[str]:
    """What was found, in a sentence or two."""
    failed = [finding.check for finding in report.failed]
    passed = sum(finding.verdict == "pass" for finding in report.findings)
    if failed:
        yield f"{count(len(failed), 'promise')} broken: {listing(failed)}."
    else:
        yield f"No promise is broken: {count(passed, 'check')} passed."
    if report.broken_off:
        yield f"The examination broke off, and could not be made of {listing(report.broken_off)}."
    unsure = [
        finding.check
        for finding in report.findings
        if finding.verdict == "inconclusive" and finding.check not in report.broken_off
    ]
    if unsure:
        yield f"Nothing can be said of {listing(unsure)}."


def _proofs(report: Report, verdict: str) -> Iterator[Part]:
    for finding in report.findings:
        if finding.verdict == verdict:
            yield Heading(finding.check)
            yield Prose(finding.explanation)
            yield Terms(tuple(_terms(finding)))
            if finding.counterexample:
                lines = tuple((Text(line, "code"),) for line in finding.counterexample.lines())
                yield Cards((Card("the inputs that prove it", lines),))


def _terms(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.where:
        yield "where", finding.where
    if finding.evidence:
        yield "measured", ", ".join(f"{name} {number(value)}" for name, value in finding.evidence.items())
    if finding.remedy:
        yield "mend", finding.remedy.words
        if finding.remedy.edit:
            yield "edit", str(finding.remedy.edit)


def _picture(report: Report) -> Iterator[Part]:
    chart = picture(report)
    if chart is not None:
        yield Figure(
            (chart,),
            "How far the output at each place (rows) moves when the token at each place (columns) is replaced: bright is far, dark is not at all, "
            "each step of colour a power of ten. A cross: it moves, and must not.",
        )


def picture(report: Report) -> Chart | None:
    """The dependency matrix."""
    if not report.matrix:
        return None
    allowed = report.contract.allowed(len(report.matrix)).tolist()
    greatest = max(max(row) for row in report.matrix)
    marked = frozenset(
        (row, column)
        for row, line in enumerate(report.matrix)
        for column, value in enumerate(line)
        if not allowed[row][column] and value > 1e-6 * greatest
    )
    return heat("dependency", "Which output depends on which token", report.matrix, "token replaced", "output", marked)


def _table(report: Report) -> Table:
    rows = sorted(report.findings, key=lambda finding: ORDER.index(finding.verdict))
    return Table(
        ("check", "verdict", "where", "what it says"),
        tuple(
            (Text(each.check, "strong"), Text(each.verdict, LOOKS[each.verdict]), each.where, each.explanation)
            for each in rows
        ),
    )


def fragment(report: Report) -> str:
    """For a notebook: the picture, and the findings as text."""
    chart = picture(report)
    drawn = str(chart.inline) if chart else ""
    return f'<div>{drawn}<pre style="white-space: pre-wrap">{escape(report.text())}</pre></div>'
