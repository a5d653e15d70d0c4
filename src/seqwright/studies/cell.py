"""A cell of a study: one spec trained on one task with several seeds, then asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from seqwright.core.spec import Spec
from seqwright.evaluation.behaviour import observe
from seqwright.evaluation.metrics import exact_match
from seqwright.evaluation.signature import signatures
from seqwright.nn.transformer import TransformerSpec
from seqwright.tasks.batching import BatchingSpec, PairExamples, Sampler
from seqwright.tasks.task import Coder, Pair, spell
from seqwright.training.ensemble import Ensemble
from seqwright.training.loop import TrainingSpec, fit


@dataclass(frozen=True)
class TaskData:
    """What a cell trains on and what it is asked.

    Attributes:
        name: what tables call it.
        train: all training rows, copies included.
        test: the distinct pairs to ask; the paper asks what it trained on, a file's study asks held-out rows.
        coder: between symbols and numbers.
        limit: how many tokens an answer may have.
    """

    name: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    coder: Coder
    limit: int


@dataclass(frozen=True)
class Cell:
    """One row of a study's table.

    Attributes:
        rung, variant: its place on the ladder and what was changed there.
        spec, training, batching: the model and how it is trained.
        data: the task.
        padding: whether training mixes lengths in a batch, so that questions are asked among padding too.
    """

    rung: str
    variant: str
    spec: TransformerSpec
    training: TrainingSpec
    batching: BatchingSpec
    data: TaskData
    padding: bool

    @property
    def key(self) -> str:
        """The cell's name in files."""
        return f"{self.rung}.{self.variant}.{self.data.name}"


class SeedResult(Spec, tag=False):
    """What one seed came to."""

    seed: int
    train_loss: float | None
    eval_loss: float | None
    exact_match: float
    exact_match_alone: float
    right: list[bool]
    predicted: list[str]
    stopped: list[bool]
    signatures: list[str]


class CellResult(Spec, tag=False):
    """What some seeds of one cell came to; the file of a finished piece of work.

    ``curves`` holds each seed's training losses at ``steps``. A loss that is not a number is ``null``.
    """

    cell: str
    parameters: int
    seconds: float
    steps: list[int]
    curves: list[list[float | None]]
    seeds: list[SeedResult]


def train_cell(
    cell: Cell, seeds: tuple[int, ...], device: str = "cpu", progress: Callable[[int], None] = lambda step: None
) -> CellResult:
    """Train the seeds side by side, then ask each member as a model of its own."""
    began = time.perf_counter()
    ensemble = Ensemble(cell.spec, seeds, device=device)
    order = torch.Generator().manual_seed(seeds[0])
    batches = Sampler(PairExamples(cell.data.train, cell.data.coder), cell.batching, order)
    curve = fit(ensemble, map(ensemble.lay, batches), cell.training, progress=progress)
    final = cell.data.coder.batch(cell.data.test)
    results = []
    for index, seed in enumerate(seeds):
        member = ensemble.member(index)
        seen = observe(member, cell.data.coder, cell.data.test, limit=cell.data.limit, padding=cell.padding)
        with torch.no_grad():
            output = member(final.target, final.source)[0]
            loss = cell.training.objective.total(output, final.labels) / cell.training.objective.count(final.labels)
        results.append(
            SeedResult(
                seed=seed,
                train_loss=_number(curve.losses[-1, index]),
                eval_loss=_number(loss),
                exact_match=exact_match(seen.padded),
                exact_match_alone=exact_match(seen.alone),
                right=[answer.right for answer in seen.padded],
                predicted=[spell(answer.symbols) for answer in seen.padded],
                stopped=[answer.stopped for answer in seen.padded],
                signatures=signatures(seen),
            )
        )
    return CellResult(
        cell=cell.key,
        parameters=sum(p.numel() for p in ensemble.member(0).parameters()),
        seconds=time.perf_counter() - began,
        steps=curve.steps,
        curves=[[_number(loss) for loss in column] for column in curve.losses.T],
        seeds=results,
    )


def _number(value: torch.Tensor) -> float | None:
    return value.item() if bool(value.isfinite()) else None
