"""The report of any study: what came of it, in words, pictures and tables, all made from the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seqwright import __version__
from seqwright.evaluation.intervals import MedianInterval
from seqwright.report import charts, examples
from seqwright.report.formatting import count, listing, rate, signed, spread
from seqwright.report.page import Cards, Figure, Heading, Look, Page, Part, Prose, Section, Table, Text, slug
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies import effect, report_parts
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Claim, Row
from seqwright.studies.study import Study, StudyResult, tasks_of, variants_of

BADGES: dict[str, Look] = {
    effect.NEEDED: "good",
    effect.HELPS: "good",
    effect.HARMFUL: "bad",
    effect.IDLE: "neutral",
    effect.UNCLEAR: "mixed",
    effect.UNLEARNT: "mixed",
    "holds": "good",
    "breaks": "bad",
}

CURVES_SHOWN = 48
"""More loss curves than this are more than anybody looks at."""

FEW = 4
"""So many sentences are told before anything else; of more, only how many hold."""

LINES = 8
"""More lines in a panel cannot be told apart."""


def write_report(inquiry: Study, result: StudyResult, out: Path, command: str) -> Path:
    """Write ``out/report.html`` and its charts as ``out/charts/*.svg``.

    Args:
        inquiry: what was asked.
        result: what was found.
        out: the study's folder.
        command: the command line that makes the study again.

    Raises:
        SeqwrightError: the folder cannot be written to.
    """
    return page(inquiry, result, command).write(out / "report.html")


def page(inquiry: Study, result: StudyResult, command: str) -> Page:
    """The report as a value."""
    rows = result.rows
    sections = [
        Section("What came of it", tuple(outcome(rows))),
        Section("What each is worth", tuple(effects(result.effects))),
        *inquiry.sections(rows),
        Section("By length", tuple(by_length(rows))),
        Section("In one line each", tuple(claims(result.claims))),
        Section("Loss curves", tuple(curves(rows))),
        Section("Example answers", tuple(answers(rows))),
        Section("What each variant changes", tuple(specs(rows))),
        Section("All numbers", tuple(everything(rows))),
        Section("How it was measured", (*_notes(result), *method(result))),
    ]
    return Page(_question(inquiry), tuple(lead(result)), _facts(result, command), tuple(s for s in sections if s.parts))


def _question(inquiry: Study) -> str:
    return (type(inquiry).__doc__ or inquiry.name).splitlines()[0]


def _facts(result: StudyResult, command: str) -> tuple[tuple[str, str], ...]:
    return (
        ("seeds", str(result.seeds)),
        ("training runs", f"{result.seeds * len(result.rows):,}"),
        ("minutes of work", f"{result.seconds / 60:.1f}"),
        ("seqwright", __version__),
        ("made by", command),
    )


def lead(result: StudyResult) -> Iterator[str]:
    """The first sentences: for each task, what is needed, what helps, what harms."""
    first = [
        each
        for each in result.effects
        if each.base == result.rows[0].base and each.measure == result.effects[0].measure
    ]
    for task in dict.fromkeys(each.task for each in first):
        told = [
            f"{word}: {listing(each.part for each in first if each.task == task and each.verdict == word)}"
            for word in (effect.NEEDED, effect.HELPS, effect.HARMFUL, effect.IDLE, effect.UNCLEAR)
            if any(each.task == task and each.verdict == word for each in first)
        ]
        if told:
            yield f"{task}. {'; '.join(told).capitalize()}."
        else:
            yield f"{task}. It was not learnt, so nothing can be said of its parts."
    words = dict.fromkeys(claim.verdict for claim in result.claims)
    if len(result.claims) <= FEW:
        for claim in result.claims:
            yield f"{claim.claim}: {claim.verdict} ({claim.measured})."
    else:
        told = ", ".join(f"{sum(claim.verdict == word for claim in result.claims)} {word}" for word in words)
        yield f"Of {count(len(result.claims), 'line')} below: {told}."
    diverged = sum(row.diverged for row in result.rows)
    if diverged:
        yield f"{count(diverged, 'training run')} diverged; each counts with what it answers, and its loss as ∞."
    if result.seeds < 6:
        yield f"With {count(result.seeds, 'seed')} an interval is the least and the greatest value: a first look, not evidence."


def outcome(rows: Sequence[Row]) -> Iterator[Part]:
    """The heat map: variants by tasks; one for each family of variants."""
    several = len({row.base for row in rows}) > 1
    yield Prose(
        "Exact match on held-out rows as long as those trained on, generated symbol by symbol: median over seeds, and its "
        "interval where there is room. Colour: from 0 (dark) to 1 (bright)."
    )
    for base in dict.fromkeys(row.base for row in rows):
        members = [row for row in rows if row.base == base]
        shown = [charts.Square(row.variant, row.task, row.exact_match.median, rate(row.exact_match.median),
                               f"{rate(row.exact_match.low)} to {rate(row.exact_match.high)}") for row in members]  # fmt: skip
        says = f"Heat map of variants of {base} by tasks: exact match"
        name = f"outcome-{slug(base)}"
        yield Figure(
            (charts.matrix(name, says, shown, variants_of(members), tasks_of(members)),), base if several else ""
        )


def effects(found: Sequence[Effect]) -> Iterator[Part]:
    """For each task a chart of what is won or lost, and a table with the verdicts."""
    if not found:
        return
    yield Prose(
        "An effect is the difference in exact match, seed by seed, between a variant that has something and one that lacks "
        "it: to the right of the dashed line, having it is better. Marks are medians, lines their intervals."
    )
    yield Figure(tuple(_effect_charts(found)), "")
    yield Table(
        ("task", "what", "of", "having it", "lacking it", "worth", "verdict"),
        tuple(
            (
                Text(each.task, "strong"),
                each.part,
                _series(each, found),
                f"{each.having}: {rate(each.with_it)}",
                f"{each.lacking}: {rate(each.without)}",
                spread(each.worth, signed),
                Text(each.verdict, BADGES[each.verdict]),
            )
            for each in found
        ),
        numeric=frozenset({5}),
    )
    yield Prose(_sentence(effect.__doc__ or ""))


def _effect_charts(found: Sequence[Effect]) -> Iterator[charts.Chart]:
    """A chart for each task, with parts in rows; for each part, with tasks in rows, where there are fewer of these."""
    tasks, parts = (
        list(dict.fromkeys(names)) for names in zip(*((each.task, each.part) for each in found), strict=True)
    )
    if len(parts) < len(tasks):
        for part in parts:
            mine = [each for each in found if each.part == part]
            yield _effect_chart(f"exact match won by {part}", mine, [each.task for each in mine])
    else:
        for task in tasks:
            mine = [each for each in found if each.task == task]
            yield _effect_chart(f"exact match won by it, on {task}", mine, [each.part for each in mine])


def _effect_chart(title: str, shown: Sequence[Effect], rows: Sequence[str]) -> charts.Chart:
    dots = [charts.Dot(row, _series(each, shown), each.worth) for row, each in zip(rows, shown, strict=True)]
    says = f"{title}: " + "; ".join(f"{dot.row} {spread(dot.value, signed)}" for dot in dots)
    panel = charts.Panel(title, dots, (-1, 1), compare=0)
    return charts.dots(f"effects-{slug(title)}", says, (panel,), list(dict.fromkeys(rows)))


def _series(each: Effect, among: Sequence[Effect]) -> str:
    """What tells this effect from others of the same part: the family, the measure, or both."""
    bases = {other.base for other in among}
    return each.measure if len(bases) == 1 else f"{each.measure}, {each.base}"


def _sentence(table: str) -> str:
    """A docstring's table of verdicts as prose."""
    lines = [line.split(maxsplit=1) for line in table.splitlines() if line[:1].isalpha() and "  " in line[:12]]
    told = "; ".join(f"{word}: {meaning}" for word, meaning in lines if word != "verdict")
    margins = {":data:`LITTLE`": f"{effect.LITTLE:.0%}", ":data:`MARGIN`": f"{effect.MARGIN:g}"}
    for name, value in margins.items():
        told = told.replace(name, value)
    return f"{told[:1].upper()}{told[1:]}."


def by_length(rows: Sequence[Row]) -> Iterator[Part]:
    """Exact match by the length of the source, a panel for each family and task."""
    panels = []
    for task in tasks_of(rows):
        for base in dict.fromkeys(row.base for row in rows):
            members = [row for row in rows if (row.task, row.base) == (task, base)]
            if 0 < len(members) <= LINES and all(exam.exam.isdecimal() for row in members for exam in row.exams):
                panels.append(_length_panel(task, base, members, several=len({row.base for row in rows}) > 1))
    if panels:
        shaded = any(panel.beyond is not None for panel in panels)
        yield Figure(
            (graphs("by-length", "Exact match by length of the source", panels),),
            "Exact match by the length of the source; lines are medians over seeds, bars their intervals."
            + (" Shaded: longer than any source that was trained on." if shaded else ""),
        )


def _length_panel(task: str, base: str, members: Sequence[Row], *, several: bool) -> Graph:
    lines = []
    for row in members:
        exams = sorted(row.exams, key=lambda exam: int(exam.exam))
        values = [MedianInterval.of(exam.matches) for exam in exams]
        lines.append(Series(row.variant, [int(exam.exam) for exam in exams], values))
    trained = max((int(exam.exam) for row in members for exam in row.exams if not exam.beyond), default=0)
    further = any(exam.beyond for row in members for exam in row.exams)
    title = f"{task}, {base}" if several else task
    return Graph(title, "source length", "exact match", lines, beyond=trained + 0.5 if further else None)


def claims(found: Sequence[Claim]) -> Iterator[Part]:
    """A table of sentences with what was measured and a word."""
    if found:
        yield Table(
            ("what", "measured", "verdict", "evidence"),
            tuple(
                (claim.claim, claim.measured, Text(claim.verdict, BADGES.get(claim.verdict, "neutral")), claim.evidence)
                for claim in found
            ),
        )


def curves(rows: Sequence[Row]) -> Iterator[Part]:
    """Loss curves, those of one task together."""
    if len(rows) > CURVES_SHOWN:
        return
    ends = charts.ends([value.median for row in rows for value in row.curve], margin=2)
    for task in tasks_of(rows):
        mine = [row for row in rows if row.task == task and len(row.steps) > 1]
        yield Heading(task)
        drawn = tuple(report_parts.loss_curve(_called(row, beside=mine[0]), row, ends) for row in mine)
        yield Figure(drawn, report_parts.CURVES, small=True)


def _called(row: Row, *, beside: Row) -> str:
    """A variant's name, with that of its family where another one's stands beside it."""
    return row.variant if row.base == beside.base else f"{row.base} · {row.variant}"


def answers(rows: Sequence[Row]) -> Iterator[Part]:
    """What the first variant of each task answers, and the one that answers least."""
    yield Prose(report_parts.ANSWERS)
    for task in tasks_of(rows):
        mine = [row for row in rows if row.task == task]
        worst = min(mine, key=lambda row: row.exact_match.median)
        yield Heading(task)
        shown = [mine[0]] if worst is mine[0] else [mine[0], worst]
        yield Cards(tuple(report_parts.answer_card(f"{row.base} · {row.variant}", row) for row in shown))


def specs(rows: Sequence[Row]) -> Iterator[Part]:
    """Each variant's spec as a diff from the study's first."""
    first = {row.task: row for row in reversed(rows)}
    told = {(row.base, row.variant): row for row in reversed(rows) if row is not first[row.task]}
    yield Prose("The exact spec of every model is in results.json; here is what differs from the first variant's.")
    yield Cards(
        tuple(
            examples.edits(_called(row, beside=rows[0]), first[row.task].spec, row.spec)
            for row in reversed(told.values())
        )
    )


def everything(rows: Sequence[Row]) -> Iterator[Part]:
    """All numbers of all rows."""
    yield Prose("Medians over seeds and, in brackets, their intervals; a single number did not vary.")
    header = (
        "base",
        "variant",
        "task",
        *report_parts.NUMBERS[:-1],
        "best seed",
        "beyond",
        "99 % known at step",
        "signatures",
    )
    yield Table(
        header,
        tuple(
            (
                row.base,
                Text(row.variant, "strong"),
                row.task,
                *report_parts.numbers(row)[:-1],
                rate(max(row.matches)),
                spread(row.beyond, rate, "\n") if row.beyond else "–",
                report_parts.learnt_at(row),
                report_parts.numbers(row)[-1],
            )
            for row in rows
        ),
        numeric=frozenset(range(3, 11)),
    )


def _notes(result: StudyResult) -> Iterator[Part]:
    for note in result.every_note():
        yield Prose(f"Note: {note}.")


def method(result: StudyResult) -> Iterator[Part]:
    yield from report_parts.method("held-out rows")
    yield Prose(
        "Seeds are paired: seed n of one variant begins from the same random numbers and sees the same rows in the same order as "
        "seed n of another. 99 % known: the step at which 99 in 100 next tokens of the held-out rows are right, the truth "
        "before them being shown."
    )
