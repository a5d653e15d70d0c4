"""The report of a study in words, charts and tables, all made from its table of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqwright.report import charts, examples
from seqwright.report.formatting import count, listing, rate, signed, spread
from seqwright.report.page import Cards, Figure, Heading, Look, Page, Part, Prose, Section, Table, Text, slug
from seqwright.report.series import Graph, Series, graphs
from seqwright.studies import effect, report_parts
from seqwright.studies.effect import Effect
from seqwright.studies.results import NO_PAPER, Claim, StudyResult
from seqwright.studies.table import BEYOND, EXACT_MATCH, CellView, ResultTable, unique

BADGES: dict[str, Look] = {
    effect.NEEDED: "good",
    effect.HELPS: "good",
    effect.HARMFUL: "bad",
    effect.IDLE: "neutral",
    effect.UNCLEAR: "mixed",
    effect.UNLEARNT: "mixed",
    "holds": "good",
    "breaks": "bad",
    "reproduced": "good",
    "refuted": "bad",
    "reproduced, other cause": "mixed",
}

CURVES_SHOWN = 48
"""The number of loss curves from which on none is drawn."""

CLAIMS_IN_LEAD = 4
"""The number of claims up to which the lead has each; of more, it has only how many hold."""

LINES = 8
"""The number of lines in a panel that can be distinguished."""


def page(question: str, result: StudyResult, command: str, own: tuple[Section, ...]) -> Page:
    """Return the report as a value.

    Args:
        question: the heading.
        result: the results.
        command: the command line that makes the study again.
        own: the study's own sections.
    """
    rows = result.table.rows
    sections = [
        Section("Exact match", tuple(outcome(result.table))),
        Section("Effects", tuple(effects(result.effects))),
        *own,
        Section("By length", tuple(by_length(rows))),
        Section("Claims", tuple(claims(result.claims))),
        Section("Loss curves", tuple(curves(result.table))),
        Section("Answers", tuple(answers(result.table))),
        Section("Specs", tuple(specs(rows))),
        Section("All numbers", tuple(report_parts.everything(rows))),
        Section("Method", tuple(method(result))),
    ]
    facts = report_parts.facts(result, command)
    return Page(question, tuple(lead(result)), facts, tuple(section for section in sections if section.parts))


def lead(result: StudyResult) -> Iterator[str]:
    """Yield the first sentences: for each task, what is needed, what helps, what harms."""
    first = [
        each
        for each in result.effects
        if each.base == result.table.cells[0].base and each.measure == result.effects[0].measure
    ]
    for task in unique(each.task for each in first):
        sentences = [
            f"{word}: {listing(each.part for each in first if each.task == task and each.verdict == word)}"
            for word in (effect.NEEDED, effect.HELPS, effect.HARMFUL, effect.IDLE, effect.UNCLEAR)
            if any(each.task == task and each.verdict == word for each in first)
        ]
        if sentences:
            yield f"{task}. {'; '.join(sentences).capitalize()}."
        else:
            yield f"{task}. It was not learnt, so its parts cannot be compared."
    verdicts = [claim.verdict for claim in result.claims]
    if len(verdicts) <= CLAIMS_IN_LEAD:
        for claim in result.claims:
            yield f"{claim.claim}: {claim.verdict} ({claim.measured})."
    else:
        counts = ", ".join(f"{verdicts.count(word)} {word}" for word in unique(verdicts))
        yield f"Of {count(len(verdicts), 'line')} below: {counts}."
    diverged = sum(row.diverged for row in result.table.rows)
    if diverged:
        yield f"{count(diverged, 'training run')} diverged; each counts with what it answers, and its loss as ∞."
    if result.seeds < 6:
        yield f"With {count(result.seeds, 'seed')} an interval is the least and the greatest value: a first look, not evidence."


def outcome(table: ResultTable) -> Iterator[Part]:
    """Yield the heat map of variants by tasks, one for each family of variants."""
    bases = unique(row.base for row in table.rows)
    yield Prose(
        "Exact match on held-out rows as long as those trained on, generated symbol by symbol: median over seeds, and its "
        "interval where there is room. Colour: from 0 (dark) to 1 (bright)."
    )
    for base in bases:
        squares = [charts.Square.of(row.variant, row.task, row.exact_match) for row in table.where(base=base)]
        description = f"Heat map of variants of {base} by tasks: exact match"
        yield Figure((charts.matrix(f"outcome-{slug(base)}", description, squares),), base if len(bases) > 1 else "")


def effects(found: Sequence[Effect]) -> Iterator[Part]:
    """Yield a chart of the effects on each task, and a table with the verdicts."""
    if not found:
        return
    yield Prose(
        "An effect is the difference in exact match, seed by seed, between a variant that has something and one that lacks "
        "it: to the right of the dashed line, having it is better. Marks are medians, lines their intervals."
    )
    yield Figure(tuple(_effect_charts(found)), "")
    yield Table(
        ("task", "part", "of", "with it", "without it", "difference", "verdict"),
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
    yield Prose("; ".join(f"{word}: {condition}" for word, condition in effect.VERDICTS.items()).capitalize() + ".")


def _effect_charts(found: Sequence[Effect]) -> Iterator[charts.Chart]:
    """Yield a chart for each task, with parts in rows; for each part, with tasks in rows, where there are fewer parts."""
    tasks, parts = unique(each.task for each in found), unique(each.part for each in found)
    if len(parts) < len(tasks):
        for part in parts:
            own = [each for each in found if each.part == part]
            yield _effect_chart(f"exact match won by {part}", own, [each.task for each in own])
    else:
        for task in tasks:
            own = [each for each in found if each.task == task]
            yield _effect_chart(f"exact match won by it, on {task}", own, [each.part for each in own])


def _effect_chart(title: str, shown: Sequence[Effect], rows: Sequence[str]) -> charts.Chart:
    dots = [charts.Dot(row, _series(each, shown), each.worth) for row, each in zip(rows, shown, strict=True)]
    description = f"{title}: " + "; ".join(f"{dot.row} {spread(dot.value, signed)}" for dot in dots)
    panel = charts.Panel(title, dots, (-1, 1), compare=0)
    return charts.dots(f"effects-{slug(title)}", description, (panel,), unique(rows))


def _series(each: Effect, among: Sequence[Effect]) -> str:
    """Return what distinguishes this effect from others of the same part: the family, the measure, or both."""
    bases = {other.base for other in among}
    return each.measure if len(bases) == 1 else f"{each.measure}, {each.base}"


def by_length(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield exact match by the length of the source, a panel for each family and task."""
    families = unique(row.base for row in rows)
    panels = []
    for task, base in ((task, base) for task in unique(row.task for row in rows) for base in families):
        members = [row for row in rows if (row.task, row.base) == (task, base)]
        if 0 < len(members) <= LINES and all(exam.isdecimal() for row in members for exam in _exams(row)):
            panels.append(_length_panel(f"{task}, {base}" if len(families) > 1 else task, members))
    if panels:
        shaded = any(panel.beyond is not None for panel in panels)
        yield Figure(
            (graphs("by-length", "Exact match by length of the source", panels),),
            "Exact match by the length of the source; lines are medians over seeds, bars their intervals."
            + (" Shaded: longer than any source that was trained on." if shaded else ""),
        )


def _exams(row: CellView) -> list[str]:
    return row.groups(EXACT_MATCH) + row.groups(BEYOND)


def _length_panel(title: str, members: Sequence[CellView]) -> Graph:
    lines = []
    for row in members:
        exams = sorted((int(exam), measure) for measure in (EXACT_MATCH, BEYOND) for exam in row.groups(measure))
        values = [row.interval(measure, str(length)) for length, measure in exams]
        lines.append(Series(row.variant, [length for length, _ in exams], values))
    trained = max((int(exam) for row in members for exam in row.groups(EXACT_MATCH)), default=0)
    further = any(row.has(BEYOND) for row in members)
    return Graph(title, "source length", "exact match", lines, beyond=trained + 0.5 if further else None)


def claims(found: Sequence[Claim]) -> Iterator[Part]:
    """Yield a table of claims with measurements and verdicts, and with the paper's numbers where there are any."""
    if not found:
        return
    columns = {
        "claim": [claim.claim for claim in found],
        "paper": [claim.paper for claim in found],
        "measured": [claim.measured for claim in found],
        "verdict": [Text(claim.verdict, BADGES.get(claim.verdict, "neutral")) for claim in found],
        "evidence": [claim.evidence for claim in found],
    }
    if all(claim.paper == NO_PAPER for claim in found):
        del columns["paper"]
    yield Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def curves(table: ResultTable) -> Iterator[Part]:
    """Yield loss curves, those of one task together, each variant beside the first of its family."""
    if len(table.rows) > CURVES_SHOWN:
        return
    ends = report_parts.curve_ends(table.rows)
    for task in table.tasks:
        members = [row for row in table.where(task=task) if len(row.curve[0]) > 1]
        first = {row.base: row for row in reversed(members)}
        yield Heading(task)
        drawn = tuple(
            report_parts.loss_curve(_called(row, beside=members[0]), row, ends, first[row.base]) for row in members
        )
        yield Figure(drawn, report_parts.CURVES, small=True)


def _called(row: CellView, *, beside: CellView) -> str:
    """Return a variant's name, with that of its family where it is another one's."""
    return row.variant if row.base == beside.base else f"{row.base} · {row.variant}"


def answers(table: ResultTable) -> Iterator[Part]:
    """Yield the answers of the first variant on each task, and of the one that answers least."""
    yield Prose(report_parts.ANSWERS)
    for task in table.tasks:
        members = table.where(task=task)
        worst = min(members, key=lambda row: row.exact_match.median)
        shown = list(dict.fromkeys([members[0], worst]))
        yield from report_parts.answers(task, {_called(row, beside=shown[0]): row for row in shown})


def specs(rows: Sequence[CellView]) -> Iterator[Part]:
    """Yield each variant's spec as a diff from the study's first."""
    first = {row.task: row for row in reversed(rows)}
    variants = {(row.base, row.variant): row for row in reversed(rows) if row is not first[row.task]}
    yield Prose("The exact spec of every model is in results.json; here is what differs from the first variant's.")
    yield Cards(
        tuple(
            examples.edits(_called(row, beside=rows[0]), first[row.task].spec, row.spec)
            for row in reversed(variants.values())
        )
    )


def method(result: StudyResult) -> Iterator[Part]:
    """Yield the notes, and how everything was measured."""
    for note in result.every_note():
        yield Prose(f"Note: {note}.")
    yield from report_parts.method("held-out rows")
    yield Prose(
        "Seeds are paired: seed n of one variant begins from the same random numbers and trains on the same rows in the same order "
        "as seed n of another. 99 % correct: the step at which 99 in 100 next tokens of the held-out rows are right under teacher "
        "forcing."
    )
