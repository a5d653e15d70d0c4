"""Train the paper's rungs, then ask the doctor, who sees the trained models alone, what is wrong with each.

    python examples/diagnose_the_ladder.py [--steps 400]

Each rung of arXiv 2502.19597 lacks a part that the next one has. The doctor knows nothing of that, of the task or of the
training: it names what is broken, shows the inputs that prove it, and proposes the edit that the next rung makes.
"""

from __future__ import annotations

import argparse

import torch

import seqwright as sw
from seqwright.data.batching import PairExamples, Sampler
from seqwright.doctor import examine
from seqwright.nn.dropout import draw_from
from seqwright.studies.ladder.rungs import paper_cells
from seqwright.training.trainer import SingleModel, fit

RUNGS = (
    ("plain", "paper", "copies"),
    ("token", "paper", "one-to-three"),
    ("masked", "paper", "alternating"),
    ("positions", "paper", "alternating"),
    ("padding", "no-padding-masks", "eight"),
    ("padding", "paper", "eight"),
)
"""A rung, the paper's model or a control of it, and what it is trained on."""


def trained(rung: str, variant: str, task: str, steps: int) -> torch.nn.Module:
    """Train a rung's model as the ladder trains it."""
    cells = {(cell.base, cell.variant, cell.data.name): cell for cell in paper_cells()}
    cell = cells[rung, variant, task]
    data, model = cell.data.drawn(), sw.build(cell.spec, seed=1).train()
    draw_from(model, torch.Generator().manual_seed(1))
    batches = Sampler(PairExamples(data.train, data.coder), cell.batching, torch.Generator().manual_seed(1))
    fit(SingleModel(model), batches, sw.vary(cell.training, {"steps": min(steps, cell.training.steps)}))
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    steps = parser.parse_args().steps
    for rung, variant, task in RUNGS:
        report = examine(trained(rung, variant, task, steps))
        print(f"\n{rung} ({task}{'' if variant == 'paper' else f', {variant}'}): {'healthy' if report.healthy else ''}")
        for finding in report.failed:
            print(f"  {finding.check}: {finding.explanation}")
            if finding.counterexample:
                print("\n".join(f"      {line}" for line in finding.counterexample.lines()))
            if finding.remedy and finding.remedy.edit:
                print(f"      edit: {finding.remedy.edit}")


if __name__ == "__main__":
    main()
