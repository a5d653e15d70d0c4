"""The page of a training run: its curves, its evaluations, its data and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, TypeGuard

import numpy as np

from seqwright.report.formatting import count, listing, number
from seqwright.report.lines import ChartLine, Strip, strips
from seqwright.report.page import Figure, Page, Part, Prose, Section, Table, Text

SMOOTH = 50
"""A point of the smoothed loss is the mean over this fraction (one in so many) of all steps."""

EVALUATIONS = 16
"""The maximum number of rows of the table of evaluations."""


def curves_page(
    lines: Sequence[Mapping[str, Any]],
    *,
    title: str,
    settings: Mapping[str, object],
    data: Sequence[tuple[str, str]] = (),
    facts: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    best_step: int | None = None,
) -> Page:
    """Return the page of a training run, which may be finished, stopped or not begun.

    Args:
        lines: of ``metrics.jsonl``: those with ``loss`` are steps (``step``, ``epoch``, ``loss``, ``rate``,
            ``seconds``), those with ``dev_loss`` evaluations (``step``, ``dev_loss``, ``dev_exact_match``). Values
            may be missing, ``None`` or not a number.
        title: the page's.
        settings: each setting's value by its path.
        data: names and descriptions of the data.
        facts: further names and values, such as the command.
        notes: sentences about the run, which lead the page.
        best_step: the step whose weights were kept; without it, the best evaluation's.
    """
    steps = [line for line in lines if "loss" in line]
    evaluations = [line for line in lines if "dev_loss" in line]
    best = best_evaluation(evaluations, best_step)
    described = tuple((Text(name, "strong"), text) for name, text in data)
    sections = (
        Section("Curves", tuple(_curves(steps, evaluations, best))),
        Section("Evaluations", tuple(_evaluations(evaluations, best) if evaluations else ())),
        Section("Data", (Table(("", "description"), described),) if data else ()),
        Section("Settings", (Table(("setting", "value"), tuple(_settings(settings))),) if settings else ()),
    )
    lead, shown = (*_lead(steps, evaluations, best), *notes), tuple(section for section in sections if section.parts)
    return Page(title, lead, (*_facts(steps), *facts), shown)


def best_evaluation(evaluations: Sequence[Mapping[str, Any]], step: int | None = None) -> Mapping[str, Any] | None:
    """Return the evaluation at a step, or else the one with the highest exact match, of equals the lowest loss, then the first.

    >>> best_evaluation([{"step": 1, "dev_loss": 2.0}, {"step": 2, "dev_loss": 1.0}, {"step": 3, "dev_loss": None}])
    {'step': 2, 'dev_loss': 1.0}
    """
    if step is not None:
        return next((line for line in evaluations if line["step"] == step), {"step": step})
    seen = [line for line in evaluations if _finite(line.get("dev_loss")) or _finite(line.get("dev_exact_match"))]

    def rank(line: Mapping[str, Any]) -> tuple[float, float]:
        match, loss = line.get("dev_exact_match"), line.get("dev_loss")
        return (match if _finite(match) else -1.0), (-loss if _finite(loss) else -float("inf"))

    return max(seen, key=rank, default=None)


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and isfinite(value)


def _values(lines: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Return a column as floats; a missing value becomes NaN."""
    return np.array([np.nan if line.get(key) is None else line[key] for line in lines], dtype=np.float64)


def _line(name: str, lines: Sequence[Mapping[str, Any]], key: str, **look: Any) -> ChartLine:
    return ChartLine(name, np.array([line["step"] for line in lines], dtype=np.int64), _values(lines, key), **look)


def _lead(
    steps: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield sentences about the curves."""
    if not steps:
        yield "No step has been made yet."
        return
    measured = [f"dev {key}{number(best[name])}" for name, key in DEV.items() if best and _finite(best.get(name))]
    if best and measured:
        yield f"The weights of step {best['step']:,} of {steps[-1]['step']:,} are kept: {listing(measured)}."
    elif not evaluations:
        yield f"{count(len(steps), 'step')} so far, and no evaluation yet."
    broken = [line["step"] for line in steps if not _finite(line.get("loss"))]
    if broken:
        among = "" if len(broken) == 1 else f" and at {count(len(broken) - 1, 'later step')}"
        yield f"The training loss was not a number at step {broken[0]:,}{among}."


DEV = {"dev_exact_match": "exact match ", "dev_loss": "loss "}
"""The measurements of an evaluation, and their names in sentences."""


def _facts(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if not steps:
        return
    last = steps[-1]
    yield "steps", f"{last['step']:,}"
    if _finite(last.get("epoch")):
        yield "epochs", f"{last['epoch']:.1f}"
    if _finite(last.get("seconds")):
        yield "minutes", f"{last['seconds'] / 60:.1f}"


def _curves(
    steps: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None
) -> Iterator[Part]:
    """Yield the figure of all strips that have data."""
    loss = _line("training", steps, "loss", look="faint").finite()
    window = max(1, len(loss.steps) // SMOOTH)
    dev = _line("dev", evaluations, "dev_loss", look="dashed").finite()
    match = _line("dev", evaluations, "dev_exact_match", look="dashed").finite()
    rate = _line("rate", steps, "rate").finite()
    shown: list[Strip] = []
    if len(loss.steps) or len(dev.steps):
        lines = [loss, loss.smoothed("training", window)] if window > 1 else [loss.smoothed("training", 1)]
        shown.append(Strip("loss (nats a token)", [*lines, dev] if len(dev.steps) else lines, 280))
    if len(match.steps):
        shown.append(Strip("dev exact match", [match], 170, (0.0, 1.0)))
    if len(rate.steps):
        shown.append(Strip("rate", [rate], 90, (0.0, 1.05 * float(rate.values.max()) or 1.0)))
    if not shown:
        yield Prose("There is nothing to draw yet.")
        return
    mark = None if best is None else int(best["step"])
    names = listing(strip.title for strip in shown)
    description = f"Lines over steps: {names}" + ("." if mark is None else f"; the weights of step {mark:,} are kept.")
    caption = ["Solid: training loss, dropout on"]
    if window > 1:
        caption[0] += f", the mean of {window:,} steps; faint: every step"
    if len(dev.steps):
        caption.append("Dashed: dev rows, dropout off")
    if mark is not None:
        caption.append(f"The dashed upright line: step {mark:,}, whose weights are kept")
    yield Figure((strips("curves", description, shown, mark),), ". ".join(caption) + ".")


def _evaluations(evaluations: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> Iterator[Part]:
    """Yield a table of evaluations: the one whose weights are kept, the last one, and a selection of the others."""
    every = -(-len(evaluations) // EVALUATIONS)
    step = None if best is None else best["step"]
    kept = [
        line
        for index, line in enumerate(evaluations)
        if index % every == 0 or line is evaluations[-1] or line["step"] == step
    ]
    if len(kept) < len(evaluations):
        yield Prose(f"{len(kept)} of {len(evaluations):,}; metrics.jsonl has all.")
    rows = tuple(
        (
            f"{line['step']:,}",
            *(_figure(line.get(key)) for key in ("dev_loss", "dev_exact_match")),
            Text("kept", "good") if line["step"] == step else "",
        )
        for line in kept
    )
    yield Table(("step", "dev loss", "dev exact match", ""), rows, frozenset({0, 1, 2}))


def _figure(value: Any) -> str:
    return "–" if value is None else f"{value:.4f}" if _finite(value) else number(float(value))


def _settings(settings: Mapping[str, object]) -> Iterator[tuple[Text, Text]]:
    for path, value in settings.items():
        yield Text(path or "model", "code"), Text("–" if value is None else str(value), "code")
