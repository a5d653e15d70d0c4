"""A comparison of two studies: the cells of both, the results of each, and the difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqwright import __version__
from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.spec import Spec, diff
from seqwright.report import examples
from seqwright.report.charts import Dot, Panel, dots
from seqwright.report.formatting import count, rate, signed, spread
from seqwright.report.page import Card, Cards, Figure, Page, Part, Section, Table, Text
from seqwright.studies.effect import Effect
from seqwright.studies.results import StudyResult
from seqwright.studies.table import WHOLE, CellView


class Comparison(Spec, tag=False):
    """The cells that two studies have in common, and those that only one of them has.

    ``effects`` are positive where the second study answers more; they are paired over the seeds that both have.
    """

    first: str
    second: str
    effects: list[Effect]
    only_first: list[str]
    only_second: list[str]


def read_result(folder: Path) -> StudyResult:
    """Read the results of a study from its folder.

    Raises:
        SeqwrightError: the folder holds no finished study, or one of an older version.
    """
    path = folder / "results.json"
    try:
        return StudyResult.from_json(path.read_bytes())
    except OSError as error:
        raise SeqwrightError(
            f"holds no finished study: {reason(error)}", where=str(path), fix="name a study's --out folder"
        ) from error
    except SeqwrightError as error:
        raise SeqwrightError(
            f"is no result of a study that can be compared: {error.what}", where=str(path),
            fix="compare two studies made by this version",
        ) from error  # fmt: skip


def compare(first: StudyResult, second: StudyResult, names: tuple[str, str]) -> Comparison:
    """Compare the cells of both, in the first one's order."""
    ours, theirs = _labelled(first), _labelled(second)
    return Comparison(
        first=names[0],
        second=names[1],
        effects=[Effect.of(label, theirs[label], row) for label, row in ours.items() if label in theirs],
        only_first=[label for label in ours if label not in theirs],
        only_second=[label for label in theirs if label not in ours],
    )


def _labelled(result: StudyResult) -> dict[str, CellView]:
    return {
        f"{row.task}: {row.variant}" + ("" if row.base == WHOLE else f" ({row.base})"): row for row in result.table.rows
    }


def page(comparison: Comparison, first: StudyResult, second: StudyResult) -> Page:
    """Return the comparison as a page."""
    ours, theirs = _labelled(first), _labelled(second)
    shared = [each.part for each in comparison.effects]
    facts = (("first", comparison.first), ("second", comparison.second), ("seqwright", __version__))
    sections = [
        Section("Side by side", tuple(_side_by_side(comparison.effects, ours, theirs))),
        Section("What differs in the models", (Cards(tuple(_differences(shared, ours, theirs))),)),
    ]
    only = {"first": comparison.only_first, "second": comparison.only_second}
    lead = (
        f"{count(len(shared), 'cell')} in common.",
        *(f"Only in the {study}: {'; '.join(cells)}." for study, cells in only.items() if cells),
    )
    return Page("Two studies side by side", lead, facts, tuple(s for s in sections if s.parts))


def _side_by_side(effects: list[Effect], ours: dict[str, CellView], theirs: dict[str, CellView]) -> Iterator[Part]:
    if not effects:
        return
    cells = [each.part for each in effects]
    shown = [Dot(cell, study, rows[cell].exact_match)
             for cell in cells for study, rows in (("first", ours), ("second", theirs))]  # fmt: skip
    chart = dots("side-by-side", "Exact match of both studies", [Panel("exact match", shown, (0, 1))], cells)
    yield Figure((chart,), "Exact match in both studies: medians over seeds and their intervals.")
    yield Table(
        ("cell", "first", "second", "second − first", "verdict"),
        tuple(
            (
                Text(each.part, "strong"),
                spread(ours[each.part].exact_match, rate),
                spread(theirs[each.part].exact_match, rate),
                spread(each.worth, signed),
                each.verdict,
            )
            for each in effects
        ),
        numeric=frozenset({1, 2, 3}),
    )


def _differences(shared: list[str], ours: dict[str, CellView], theirs: dict[str, CellView]) -> Iterator[Card]:
    for label in shared:
        if diff(ours[label].spec, theirs[label].spec):
            yield examples.edits(label, ours[label].spec, theirs[label].spec)
