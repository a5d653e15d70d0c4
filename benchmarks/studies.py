"""Cells a minute: a study's engine against the same cells trained one after the other by the plain loop.

    python benchmarks/studies.py [--turns 3] [--steps 100] [--cells 2] [--device cuda]

A cell here is a variant, a task and a *seed*. The engine trains the seeds of a variant as one ensemble and spreads variants over
processes; starting these and evaluating every model belong to its time. The plain loop takes one model after the other, on as many
threads as there are cores, and evaluates each in the same way. Turns follow one another; ratios are of wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from ladder import machine

from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.data.batch import limit
from seqwright.data.batching import PairExamples, Sampler
from seqwright.evaluation.behaviour import answers
from seqwright.nn.dropout import draw_from
from seqwright.studies.cell import Cell
from seqwright.studies.experiment import Experiment
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.questions.parts import PARTS
from seqwright.studies.study import cell
from seqwright.studies.task_source import DrawnTask
from seqwright.tasks.algorithmic import Copy
from seqwright.training.trainer import SingleModel, fit

SEEDS = 10


def cells(steps: int, number: int) -> tuple[Cell, ...]:
    source = DrawnTask(Copy(), vary(ModelScale(), {"steps": steps}))
    return tuple(cell(source, part.name, part.without) for part in PARTS[2 : 2 + number])


def one_by_one(study: Experiment, models: int) -> float:
    """Return the cells a minute of the plain loop."""
    began = time.perf_counter()
    for seed in range(models):
        each = study.cells[seed % len(study.cells)]
        data = each.data.drawn()
        model = build(each.spec, seed=seed).to(study.device).train()
        draw_from(model, torch.Generator(study.device).manual_seed(seed))
        batches = Sampler(PairExamples(data.train, data.coder), each.batching, torch.Generator().manual_seed(seed))
        fit(SingleModel(model), (batch.to(study.device) for batch in batches), each.training)
        pairs = data.pairs(beyond=False)
        answers(model.cpu().eval(), data.coder, pairs, limit=limit(pairs))
    return 60 * models / (time.perf_counter() - began)


def engine(study: Experiment) -> float:
    """Return the cells a minute of the engine."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        study.run(Path(folder) / "study")
        return 60 * len(study.cells) * study.seeds / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=ModelScale().steps)
    parser.add_argument("--cells", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--models", type=int, default=3, help="models that the plain loop trains in each turn")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    print(machine(chosen.device), flush=True)
    study = Experiment("benchmark", cells(chosen.steps, chosen.cells), SEEDS, chosen.device)
    ratios = []
    for turn in range(chosen.turns):
        plain, ours = one_by_one(study, chosen.models), engine(study)
        ratios.append(ours / plain)
        print(
            f"turn {turn + 1}: plain {plain:.2f}, engine {ours:.2f} cells a minute: {ratios[-1]:.1f} times", flush=True
        )
    print(f"\nthe engine is {median(ratios):.1f} times as fast (from {min(ratios):.1f} to {max(ratios):.1f})")
    print(json.dumps({"measured": "studies", "device": chosen.device, "ratio": round(median(ratios), 2)}))


if __name__ == "__main__":
    main()
