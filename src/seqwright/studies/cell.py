"""A cell of a study: one spec trained on one task with several seeds, then evaluated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from seqwright.core.model import Model, ModelSpec
from seqwright.data.batch import Pair, limit, spell
from seqwright.data.batching import Batching, PairExamples, Sampler, padding
from seqwright.evaluation.behaviour import Answer, answers, observe
from seqwright.evaluation.metrics import exact_match
from seqwright.evaluation.signature import SIGNATURES, name, signatures
from seqwright.studies import table
from seqwright.studies.data import StudyData, TaskData
from seqwright.studies.measures import Measure
from seqwright.studies.table import GeneratedAnswer, ResultTable, TrainedCell
from seqwright.training.ensemble import Ensemble
from seqwright.training.trainer import LossCurve, Trainer, TrainingSpec, fit

CHECKS = 40
"""The number of evaluations in training, evenly spaced, that look whether a task is learnt."""

TRIED_STEPS = 4
"""Steps that are timed to estimate the time of all."""

LEARNT_SHARE = 0.99
"""The share of the next tokens that must be right under teacher forcing for a task to count as learnt."""

CURVE_POINTS = 100
"""The number of points of a loss curve that are kept, at least; below twice that."""

Values = dict[tuple[str, str], float | None]
"""Numbers of one seed by measure and group."""


@dataclass(frozen=True)
class Cell:
    """A model, its training and its data: what is trained with every seed of a study.

    Attributes:
        base, variant: the family of variants, such as a rung of the ladder, and the change within it.
        spec, training, batching: the model and how it is trained.
        data: the task.
        padding: whether training mixes lengths in a batch, so that the test rows are padded too.
        measures: what is measured of each trained model beside its answers.
    """

    base: str
    variant: str
    spec: ModelSpec
    training: TrainingSpec
    batching: Batching
    data: StudyData
    padding: bool
    measures: tuple[Measure, ...] = ()

    @property
    def key(self) -> str:
        """The cell's name in files."""
        return f"{self.base}.{self.variant}.{self.data.name}"

    @property
    def cost(self) -> float:
        """The approximate time of a step relative to other cells: proportional to depth, and growing with length × width."""
        depth = self.spec.flops_per_token(1) / self.spec.width**2
        return depth * (1 + self.data.max_length * self.spec.width / 300)


def train_cell(
    cell: Cell, seeds: tuple[int, ...], device: str = "cpu", progress: Callable[[int], None] = lambda step: None
) -> ResultTable:
    """Train the seeds side by side, then evaluate each as a model of its own."""
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
    trained = TrainedCell(
        base=cell.base, variant=cell.variant, task=cell.data.name, spec=cell.spec, notes=list(data.notes)
    )
    whole: Values = {
        (table.PARAMETERS, ""): float(sum(p.numel() for p in ensemble.member(0).parameters())),
        (table.PADDING, ""): padding(batches.epoch_plan, batches.lengths),
    }
    records, given = trained.records(None, whole), []
    evaluated = [_evaluate(cell, data, ensemble.member(index)) for index in range(len(seeds))]
    seconds = (time.perf_counter() - began) / len(seeds)
    for index, (seed, (values, answered)) in enumerate(zip(seeds, evaluated, strict=True)):
        training = {**_curve(curve, index), (table.LEARNT_AT, ""): learning.at[index], (table.SECONDS, ""): seconds}
        records += trained.records(seed, values | training)
        given += [_given(trained, seed, *row) for row in zip(data.pairs(beyond=False), answered, strict=True)]
    return ResultTable(cells=[trained], measurements=records, answers=given)


def pace(cell: Cell, seeds: tuple[int, ...], device: str) -> float:
    """Return the seconds that a step of these seeds takes; a few are tried."""
    data = cell.data.drawn()
    ensemble = Ensemble(cell.spec, seeds, device=device)
    rows = PairExamples(data.train[: 20 * TRIED_STEPS * max(1, len(seeds))], data.coder)
    batches = map(ensemble.lay_out, Sampler(rows, cell.batching, torch.Generator().manual_seed(0)))
    trainer = Trainer(ensemble, cell.training)

    def steps() -> float:
        began = time.perf_counter()
        for _ in range(TRIED_STEPS):
            trainer.gradient([next(batches)])
            trainer.update()
        return (time.perf_counter() - began) / TRIED_STEPS

    steps()  # the first ones take longer
    return steps()


class Learning:
    """The first step at which each member of an ensemble has learnt its task.

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
        """Evaluate the members, if it is time to."""
        if step < self.next:
            return
        self.next += self.every
        right = self.ensemble.agreement(self.batch, self.coder.correct_tokens).tolist()
        self.at = [
            step if at is None and share >= LEARNT_SHARE else at for at, share in zip(self.at, right, strict=True)
        ]


def _evaluate(cell: Cell, data: TaskData, model: Model) -> tuple[Values, tuple[Answer, ...]]:
    """Return a trained model's numbers, and its answers to the rows within training lengths."""
    pairs, longer = data.pairs(beyond=False), data.pairs(beyond=True)
    seen = observe(model, data.coder, pairs, limit=limit(pairs), padding=cell.padding, masked=cell.spec.masks_padding)
    further = answers(model, data.coder, longer, limit=limit(longer)) if longer else ()
    final, objective = data.coder.batch(pairs), cell.training.objective
    with torch.no_grad():
        output, _ = model.advance(final.target, model.start(final.source))
        eval_loss = objective.total(output, final.labels) / objective.count(final.labels)
    carried = signatures(seen)
    values: Values = {
        (table.EVAL_LOSS, ""): eval_loss.item(),
        (table.EXACT_MATCH, ""): exact_match(seen.padded),
        (table.ALONE, ""): exact_match(seen.alone),
        **_by_exam(data, seen.padded, beyond=False),
        **({(table.BEYOND, ""): exact_match(further)} if further else {}),
        **_by_exam(data, further, beyond=True),
        **{(table.SIGNATURE, name(each)): float(name(each) in carried) for each in SIGNATURES},
    }
    for measure in cell.measures:
        measured = measure.of(model, data.coder, pairs)
        values |= {(measure.name, group): value for group, value in measured.items()}
    return values, seen.padded


def _by_exam(data: TaskData, answered: Sequence[Answer], *, beyond: bool) -> Values:
    right: dict[str, list[bool]] = {}
    exams = [exam.name for exam in data.exams if exam.beyond == beyond for _ in exam.pairs]
    for exam, answer in zip(exams, answered, strict=True):
        right.setdefault(exam, []).append(answer.correct)
    measure = table.BEYOND if beyond else table.EXACT_MATCH
    return {(measure, exam): sum(rights) / len(rights) for exam, rights in right.items()}


def _curve(curve: LossCurve, index: int) -> Values:
    """Return a member's last training loss and its loss curve, the last step always among its points."""
    stride = max(1, len(curve.steps) // CURVE_POINTS)
    kept = range(len(curve.steps) - 1, -1, -stride)[::-1]
    losses = curve.losses[:, index].tolist()
    points: Values = {(table.LOSS_CURVE, str(curve.steps[point])): losses[point] for point in kept}
    return {(table.TRAIN_LOSS, ""): losses[-1], **points}


def _given(cell: TrainedCell, seed: int, pair: Pair, answer: Answer) -> GeneratedAnswer:
    source, target, predicted = spell(pair.source), spell(pair.target), spell(answer.symbols)
    return GeneratedAnswer(*cell.cell_key, seed, source, target, predicted, answer.correct, answer.stopped)
