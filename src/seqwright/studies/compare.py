"""Two studies side by side: the same cells, what each found, and the difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from seqwright import __version__
from seqwright.core.errors import SeqwrightError, reason
from seqwright.core.spec import Spec, diff
from seqwright.report import examples
from seqwright.report.charts import Dot, Panel, dots
from seqwright.report.formatting import count, rate, signed, spread
from seqwright.report.page import Cards, Figure, Page, Part, Prose, Section, Table, Text
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Row
from seqwright.studies.study import WHOLE, StudyResult


class Comparison(Spec, tag=False):
    """What two studies have in common, and what only one of them has.

    ``effects`` are paired where both have as many seeds: positive where the second answers more.
    """

    first: str
    second: str
    effects: list[Effect]
    only_first: list[str]
    only_second: list[str]


def read_result(folder: Path) -> StudyResult:
    """What a study found, from its folder.

    Raises:
        SeqwrightError: the folder holds no finished study, or one of another kind.
    """
    path = folder / "results.json"
    try:
        found = json.loads(path.read_bytes(), object_hook=_infinite)
        return msgspec.convert(found, StudyResult)
    except OSError as error:
        raise SeqwrightError(
            f"holds no finished study: {reason(error)}", where=str(path), fix="name a study's --out folder"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SeqwrightError(
            f"is no result of a study that can be compared: {error}", where=str(path),
            fix="compare two studies of parts, positions or the like, made by this version",
        ) from error  # fmt: skip


def _infinite(found: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity; a loss that was one is written as ``null``."""
    if found.keys() == {"median", "low", "high"}:
        return {name: inf if value is None else value for name, value in found.items()}
    for name in ("losses", "eval_losses"):
        if name in found:
            found[name] = [inf if value is None else value for value in found[name]]
    return found


def compare(first: StudyResult, second: StudyResult, names: tuple[str, str]) -> Comparison:
    """The same cells of both, in the first one's order."""
    ours, theirs = ({_place(row): row for row in result.rows} for result in (first, second))
    return Comparison(
        first=names[0],
        second=names[1],
        effects=[_between(row, theirs[place]) for place, row in ours.items() if place in theirs],
        only_first=[place for place in ours if place not in theirs],
        only_second=[place for place in theirs if place not in ours],
    )


def _place(row: Row) -> str:
    return f"{row.task}: {row.variant}" if row.base == WHOLE else f"{row.task}: {row.variant} ({row.base})"


def _between(first: Row, second: Row) -> Effect:
    pairs = min(len(first.matches), len(second.matches))
    more, less = second.matches[:pairs], first.matches[:pairs]
    return Effect.between(_place(first), second, first.variant, more, less, "in training lengths")


def page(comparison: Comparison, first: StudyResult, second: StudyResult) -> Page:
    """The comparison as a page."""
    ours, theirs = ({_place(row): row for row in result.rows} for result in (first, second))
    names = (comparison.first, comparison.second)
    shared = [each.part for each in comparison.effects]
    facts = (("first", names[0]), ("second", names[1]), ("seqwright", __version__))
    sections = [
        Section("Side by side", tuple(_side_by_side(comparison, ours, theirs))),
        Section("What differs in the models", (Cards(tuple(_differences(shared, ours, theirs))),)),
    ]
    told = (
        f"{count(len(shared), 'cell')} in common; {len(comparison.only_first)} only in the first, "
        f"{len(comparison.only_second)} only in the second.",
    )
    return Page("Two studies side by side", told, facts, tuple(s for s in sections if s.parts))


def _side_by_side(comparison: Comparison, ours: dict[str, Row], theirs: dict[str, Row]) -> Iterator[Part]:
    shown = [Dot(each.part, which, rows[each.part].exact_match) for each in comparison.effects
             for which, rows in (("first", ours), ("second", theirs))]  # fmt: skip
    if shown:
        chart = dots(
            "side-by-side",
            "Exact match of both studies",
            [Panel("exact match", shown, (0, 1))],
            [e.part for e in comparison.effects],
        )
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
                for each in comparison.effects
            ),
            numeric=frozenset({1, 2, 3}),
        )
    for where, only in (("first", comparison.only_first), ("second", comparison.only_second)):
        if only:
            yield Prose(f"Only in the {where}: {'; '.join(only)}.")


def _differences(shared: list[str], ours: dict[str, Row], theirs: dict[str, Row]) -> Iterator[Any]:
    for place in shared:
        if diff(ours[place].spec, theirs[place].spec):
            yield examples.edits(place, ours[place].spec, theirs[place].spec)
