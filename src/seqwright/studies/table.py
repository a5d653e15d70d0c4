"""One long table of results: a record for each cell, seed, measure and group, and the views that reports read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import inf, isfinite

from seqwright.core.model import ModelSpec
from seqwright.core.spec import Spec
from seqwright.evaluation.intervals import MedianInterval

EXACT_MATCH, ALONE, BEYOND = "exact match", "exact match alone", "exact match beyond"
"""Exact match on rows within the training lengths, on the same without padding, and on longer rows. The group is an exam; the
empty group holds all rows."""

WHOLE = "whole"
"""The variant without a change, and the base of its variants."""

TRAIN_LOSS, EVAL_LOSS = "train loss", "eval loss"
"""The loss of the last training step, dropout on; and that of the test rows, dropout off."""

LOSS_CURVE = "loss curve"
"""The training loss; the group is a step."""

LEARNT_AT = "learnt at step"
"""The first step at which 99 % of the next tokens were right under teacher forcing; no value where none was."""

SIGNATURE = "signature"
"""1 where a seed carries the signature that the group names, 0 elsewhere."""

ANSWERED = "share of seeds right"
"""The share of the seeds that answer a sequence; the group is ``source→target``."""

PARAMETERS, PADDING, SECONDS = "parameters", "padding share", "seconds"
"""The size of a model, the share of an epoch's tokens that is padding, and the training time of one seed."""


class OfCell(Spec, tag=False):
    """A record of a cell, which its family of variants, its variant and its task identify."""

    base: str
    variant: str
    task: str

    @property
    def cell_key(self) -> tuple[str, str, str]:
        """The cell."""
        return self.base, self.variant, self.task


class Measurement(OfCell):
    """One number: a record of the long table.

    Attributes:
        seed: the trained model; ``None`` where the number belongs to the whole cell.
        measure: what was measured, such as :data:`EXACT_MATCH`.
        group: an exam, a step, a distance; empty where there is only one.
        value: ``None`` stands for infinity: a loss that diverged, a step that was never reached.
    """

    seed: int | None
    measure: str
    group: str
    value: float | None


class GeneratedAnswer(OfCell):
    """A generated answer to one test row; one that did not stop by itself was cut at the maximum length."""

    seed: int
    source: str
    target: str
    predicted: str
    right: bool
    stopped: bool


class TrainedCell(OfCell):
    """The model of a cell, and notes on its data."""

    spec: ModelSpec
    notes: list[str]

    def records(self, seed: int | None, values: Mapping[tuple[str, str], float | None]) -> list[Measurement]:
        """Return values by measure and group as records of this cell; what is not finite becomes ``None``."""
        return [
            Measurement(*self.cell_key, seed, *named, value if value is not None and isfinite(value) else None)
            for named, value in values.items()
        ]


class ResultTable(Spec, tag=False, dict=True):
    """The long table of some cells; the file of a finished work unit holds one, and so does ``results.json``."""

    cells: list[TrainedCell]
    measurements: list[Measurement]
    answers: list[GeneratedAnswer]

    @classmethod
    def joined(cls, tables: Sequence[ResultTable]) -> ResultTable:
        """Join the tables of several work units: each cell once, with the answers of its typical seed alone."""
        cells, records = {}, {}
        for table in tables:
            for cell in table.cells:
                cells.setdefault(cell.cell_key, cell)
            for record in table.measurements:
                records.setdefault((*record.cell_key, record.seed, record.measure, record.group), record)
        every = [answer for table in tables for answer in table.answers]
        whole = cls(cells=list(cells.values()), measurements=list(records.values()), answers=every)
        typical, shares = [], []
        for row in whole.rows:
            typical += [answer for answer in row.answers if answer.seed == row.typical_seed]
            right: dict[str, list[bool]] = {}
            for answer in row.answers:
                right.setdefault(f"{answer.source}→{answer.target}", []).append(answer.right)
            shares += row.cell.records(
                None, {(ANSWERED, pair): sum(seeds) / len(seeds) for pair, seeds in right.items()}
            )
        return cls(cells=whole.cells, measurements=whole.measurements + shares, answers=typical)

    @cached_property
    def rows(self) -> list[CellView]:
        """A view of each cell, in order."""
        views = {cell.cell_key: CellView(cell) for cell in self.cells}
        for record in self.measurements:
            groups = views[record.cell_key].values.setdefault(record.measure, {})
            groups.setdefault(record.group, {})[record.seed] = inf if record.value is None else record.value
        for answer in self.answers:
            views[answer.cell_key].answers.append(answer)
        return list(views.values())

    def where(self, **fields: str) -> list[CellView]:
        """Return the cells of a ``base``, a ``variant``, a ``task``."""
        return [row for row in self.rows if all(getattr(row, name) == value for name, value in fields.items())]

    def find(self, task: str, variant: str) -> CellView | None:
        """Return a variant on a task, if it was trained."""
        return next(iter(self.where(variant=variant, task=task)), None)

    def cell(self, task: str, variant: str, **base: str) -> CellView:
        """Return a variant on a task; ``base`` distinguishes variants of one name."""
        return self.where(variant=variant, task=task, **base)[0]

    @property
    def tasks(self) -> list[str]:
        """The tasks, each once, in order."""
        return unique(row.task for row in self.rows)

    @property
    def seconds(self) -> float:
        """The time that all models took to train, added up."""
        return sum(sum(row.by_seed(SECONDS)) for row in self.rows)


class CellView:
    """The measurements of one cell, by measure, group and seed."""

    def __init__(self, cell: TrainedCell) -> None:
        self.base, self.variant, self.task = cell.cell_key
        self.cell = cell
        self.spec: Spec = cell.spec  # pyright: ignore[reportAttributeAccessIssue]  # every family is a Spec too
        self.answers: list[GeneratedAnswer] = []
        self.values: dict[str, dict[str, dict[int | None, float]]] = {}

    def groups(self, measure: str) -> list[str]:
        """Return the groups of a measure, in order; the empty group, which holds all, is left out."""
        return [group for group in self.values.get(measure, {}) if group]

    def has(self, measure: str, group: str = "") -> bool:
        """Return whether something was measured."""
        return group in self.values.get(measure, {})

    def pairs(self, measure: str, group: str = "") -> dict[int | None, float]:
        """Return the value of each seed, by seed."""
        return self.values[measure][group]

    def by_seed(self, measure: str, group: str = "") -> list[float]:
        """Return the value of each seed, in the order of the seeds."""
        return [value for _, value in sorted(self.pairs(measure, group).items(), key=lambda pair: pair[0] or 0)]

    def interval(self, measure: str, group: str = "") -> MedianInterval:
        """Return the median over seeds and its interval."""
        return MedianInterval.of(self.by_seed(measure, group))

    def number(self, measure: str, group: str = "") -> float:
        """Return a value that belongs to the whole cell."""
        return self.pairs(measure, group)[None]

    @property
    def exact_match(self) -> MedianInterval:
        """Exact match within the training lengths."""
        return self.interval(EXACT_MATCH)

    @property
    def train_loss(self) -> MedianInterval:
        """The last training loss."""
        return self.interval(TRAIN_LOSS)

    @property
    def eval_loss(self) -> MedianInterval:
        """The loss of the test rows."""
        return self.interval(EVAL_LOSS)

    @property
    def beyond(self) -> MedianInterval | None:
        """Exact match on rows longer than the training's; ``None`` where there are none."""
        return self.interval(BEYOND) if self.has(BEYOND) else None

    @property
    def seeds(self) -> int:
        """The number of trained models."""
        return len(self.pairs(EXACT_MATCH))

    @property
    def diverged(self) -> int:
        """The number of seeds whose last training loss is not finite."""
        return self.by_seed(TRAIN_LOSS).count(inf)

    def count(self, signature: str) -> int:
        """Return how many seeds carry a signature."""
        return round(sum(self.by_seed(SIGNATURE, signature))) if self.has(SIGNATURE, signature) else 0

    @property
    def signatures(self) -> str:
        """The signatures of the seeds, each with how many carry it, as a table shows them."""
        counts = {name: self.count(name) for name in self.groups(SIGNATURE)}
        return ", ".join(f"{name} {seeds}" for name, seeds in counts.items() if seeds)

    @property
    def curve(self) -> tuple[list[int], list[MedianInterval]]:
        """Steps, and the training loss at each."""
        steps = self.groups(LOSS_CURVE)
        return [int(step) for step in steps], [self.interval(LOSS_CURVE, step) for step in steps]

    @property
    def typical_seed(self) -> int | None:
        """The seed in the middle of the order of exact match: the one whose answers are shown."""
        ordered = sorted(self.pairs(EXACT_MATCH).items(), key=lambda pair: (pair[1], pair[0] or 0))
        return ordered[(len(ordered) - 1) // 2][0]


def unique(items: Iterable[str]) -> list[str]:
    """Return each item once, in order."""
    return list(dict.fromkeys(items))
