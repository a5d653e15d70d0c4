"""A cell of a study: one spec trained on one task with several seeds, then asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from seqwright.core.spec import Spec
from seqwright.data.batch import limit, spell
from seqwright.data.batching import Batching, PairExamples, Sampler, padding
from seqwright.evaluation.behaviour import answers, observe
from seqwright.evaluation.metrics import exact_match
from seqwright.evaluation.signature import signatures
from seqwright.models.transformer import Transformer, TransformerSpec
from seqwright.nn.padding import MaskedPadding
from seqwright.studies.data import StudyData, TaskData, TestRow
from seqwright.studies.measures import MeasureSpec
from seqwright.training.ensemble import Ensemble
from seqwright.training.trainer import Trainer, TrainingSpec, fit

CHECKS = 40
"""How often, evenly spaced, a cell in training is asked whether it has learnt its task."""

TRIED = 4
"""Steps that are tried to tell how long all will take."""

KNOWN = 0.99
"""The part of the next tokens that must be right, the truth before them being shown, for a task to count as learnt."""


@dataclass(frozen=True)
class Cell:
    """One row of a study's table.

    Attributes:
        base, variant: the model that stands at its beginning (a rung of the ladder, say), and what was changed there.
        spec, training, batching: the model and how it is trained.
        data: the task.
        padding: whether training mixes lengths in a batch, so that questions are asked among padding too.
        measures: what is measured of each trained model beside its answers.
    """

    base: str
    variant: str
    spec: TransformerSpec
    training: TrainingSpec
    batching: Batching
    data: StudyData
    padding: bool
    measures: tuple[MeasureSpec, ...] = ()

    @property
    def key(self) -> str:
        """The cell's name in files."""
        return f"{self.base}.{self.variant}.{self.data.name}"

    @property
    def cost(self) -> float:
        """About how long a step takes beside other cells' steps: layers cost what they cost, and more with more in them."""
        return float(self.spec.flops_per_token(self.data.reach))


class SeedResult(Spec, tag=False):
    """What one seed came to.

    ``right``, ``predicted`` and ``stopped`` are of the rows within training's lengths, ``beyond`` says which of the longer
    ones are right. ``learnt_at`` is the first step at which :data:`KNOWN` of the next tokens were right, if any was.
    ``measured`` has what the cell's measures gave, by name.
    """

    seed: int
    train_loss: float | None
    eval_loss: float | None
    exact_match: float
    exact_match_alone: float
    right: list[bool]
    predicted: list[str]
    stopped: list[bool]
    signatures: list[str]
    beyond: list[bool]
    learnt_at: int | None
    measured: dict[str, list[float]]


class CellResult(Spec, tag=False):
    """What some seeds of one cell came to; the file of a finished piece of work.

    ``waste`` is the part of an epoch's tokens that is padding. ``curves`` holds each seed's training losses at ``steps``. A loss that is not a number is ``null``.
    """

    cell: str
    parameters: int
    seconds: float
    waste: float
    steps: list[int]
    curves: list[list[float | None]]
    asked: list[TestRow]
    asked_beyond: list[TestRow]
    notes: list[str]
    seeds: list[SeedResult]


def train_cell(
    cell: Cell, seeds: tuple[int, ...], device: str = "cpu", progress: Callable[[int], None] = lambda step: None
) -> CellResult:
    """Train the seeds side by side, then ask each member as a model of its own."""
    began = time.perf_counter()
    data = cell.data.drawn()
    ensemble = Ensemble(cell.spec, seeds, device=device)
    order = torch.Generator().manual_seed(seeds[0])
    batches = Sampler(PairExamples(data.train, data.coder), cell.batching, order)
    learning = Learning(ensemble, data, cell.training.steps)

    def watch(step: int) -> None:
        learning.look(step)
        progress(step)

    curve = fit(ensemble, map(ensemble.lay_out, batches), cell.training, progress=watch)
    results = [
        _ask(cell, data, seed, ensemble.member(index), curve.losses[-1, index], learning.at[index])
        for index, seed in enumerate(seeds)
    ]
    return CellResult(
        cell=cell.key,
        parameters=sum(p.numel() for p in ensemble.member(0).parameters()),
        seconds=time.perf_counter() - began,
        waste=padding(batches.epoch_plan, batches.lengths),
        steps=curve.steps,
        curves=[[_number(loss) for loss in column] for column in curve.losses.T],
        asked=data.rows(beyond=False),
        asked_beyond=data.rows(beyond=True),
        notes=list(data.notes),
        seeds=results,
    )


def pace(cell: Cell, seeds: tuple[int, ...], device: str) -> float:
    """How many seconds a step of these seeds takes; a few are tried."""
    data = cell.data.drawn()
    ensemble = Ensemble(cell.spec, seeds, device=device)
    rows = PairExamples(data.train[: 20 * TRIED * max(1, len(seeds))], data.coder)
    batches = map(ensemble.lay_out, Sampler(rows, cell.batching, torch.Generator().manual_seed(0)))
    trainer = Trainer(ensemble, cell.training)

    def steps() -> float:
        began = time.perf_counter()
        for _ in range(TRIED):
            trainer.gradient([next(batches)])
            trainer.update()
        return (time.perf_counter() - began) / TRIED

    steps()  # the first ones take longer
    return steps()


class Learning:
    """When each member of an ensemble first knew its task.

    Attributes:
        at: the step, ``None`` for a member that has not got there.
    """

    def __init__(self, ensemble: Ensemble, data: TaskData, steps: int) -> None:
        self.ensemble, self.coder = ensemble, data.coder
        self.batch = data.coder.batch(data.pairs(beyond=False))
        self.every = max(1, steps // CHECKS)
        self.next = self.every
        self.at: list[int | None] = [None] * len(ensemble.seeds)

    def look(self, step: int) -> None:
        """Ask the members, if it is time to."""
        if step < self.next:
            return
        self.next += self.every
        known = self.ensemble.agreement(self.batch, self.coder.correct_tokens).tolist()
        self.at = [step if at is None and part >= KNOWN else at for at, part in zip(self.at, known, strict=True)]


def _ask(
    cell: Cell, data: TaskData, seed: int, member: Transformer, train_loss: torch.Tensor, learnt_at: int | None
) -> SeedResult:
    pairs, longer = data.pairs(beyond=False), data.pairs(beyond=True)
    masked = isinstance(cell.spec.padding, MaskedPadding)
    seen = observe(member, data.coder, pairs, limit=limit(pairs), padding=cell.padding, masked=masked)
    further = answers(member, data.coder, longer, limit=limit(longer)) if longer else ()
    final, objective = data.coder.batch(pairs), cell.training.objective
    with torch.no_grad():
        eval_loss = objective.total(member(final.target, final.source)[0], final.labels) / objective.count(final.labels)
    return SeedResult(
        seed=seed,
        train_loss=_number(train_loss),
        eval_loss=_number(eval_loss),
        exact_match=exact_match(seen.padded),
        exact_match_alone=exact_match(seen.alone),
        right=[answer.correct for answer in seen.padded],
        predicted=[spell(answer.symbols) for answer in seen.padded],
        stopped=[answer.stopped for answer in seen.padded],
        signatures=signatures(seen),
        beyond=[answer.correct for answer in further],
        learnt_at=learnt_at,
        measured={measure.name: measure.of(member, data.coder, pairs) for measure in cell.measures},
    )


def _number(value: torch.Tensor) -> float | None:
    return value.item() if bool(value.isfinite()) else None
