"""Speed of ensembles relative to the paper's script, and agreement of the trained models.

Five times by turns: the reference trains some models of the last rung, one at a time, all 2,000 epochs; the ladder's
engine trains 32 seeds of it, all 2,000 epochs, worker processes and questions included. Printed are the time a
model-epoch takes in each, the ratio of each turn and their median, and a rank test of losses and of answers.

    python benchmarks/ladder.py [--turns 5] [--seeds 32] [--reference 7] [--device cpu|cuda]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from scipy.stats import mannwhitneyu

sys.path.insert(0, str(Path(__file__).parent))
import reference

from seqwright.studies.experiment import Experiment
from seqwright.studies.ladder.rungs import paper_cells
from seqwright.studies.table import EXACT_MATCH, TRAIN_LOSS


@dataclass
class Outcome:
    """Losses and exact match of trained models, and the time of a model-epoch."""

    seconds: float
    losses: list[float]
    matches: list[float]


def of_reference(seeds: range, device: str) -> Outcome:
    # one thread: as fast as two on a quiet machine, and not slowed by waiting for a second core that others use
    torch.set_num_threads(1)
    began = time.perf_counter()
    trained = [reference.train(seed, device=device) for seed in seeds]
    seconds = (time.perf_counter() - began) / (len(seeds) * reference.EPOCHS)
    return Outcome(seconds, [loss for _, loss in trained], [reference.exact_match(model) for model, _ in trained])


def of_ensembles(seeds: int, device: str) -> Outcome:
    cell = next(cell for cell in paper_cells() if cell.key == "padding.paper.eight")
    study = Experiment("ladder", (cell,), seeds, device)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        (row,) = study.run(Path(folder) / "study").rows
        seconds = (time.perf_counter() - began) / (seeds * cell.training.steps)
    return Outcome(seconds, row.by_seed(TRAIN_LOSS), row.by_seed(EXACT_MATCH))


def compared(name: str, ours: list[float], theirs: list[float]) -> str:
    p = mannwhitneyu(ours, theirs).pvalue
    return (
        f"{name}: median {median(ours):.4f} of {len(ours)} against {median(theirs):.4f} of {len(theirs)} in the"
        f" reference; Mann-Whitney p = {p:.2f}"
    )


def machine(device: str) -> str:
    name = torch.cuda.get_device_name() if device == "cuda" else f"{os.cpu_count()} CPU cores ({_processor()})"
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=32, help="seeds the ensembles train in each turn")
    parser.add_argument("--reference", type=int, default=7, help="models the reference trains in each turn")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    print(machine(chosen.device), flush=True)
    ratios, ours, theirs = [], Outcome(0, [], []), Outcome(0, [], [])
    for turn in range(chosen.turns):
        slow = of_reference(range(turn * chosen.reference, (turn + 1) * chosen.reference), chosen.device)
        fast = of_ensembles(chosen.seeds, chosen.device)
        ratios.append(slow.seconds / fast.seconds)
        theirs.losses += slow.losses
        theirs.matches += slow.matches
        ours = fast  # the same seeds every turn
        print(
            f"turn {turn + 1}: a model-epoch takes {1000 * slow.seconds:.2f} ms in the reference,"
            f" {1000 * fast.seconds:.3f} ms in ensembles of {chosen.seeds} seeds: {ratios[-1]:.1f} times faster",
            flush=True,
        )
    print(f"median ratio: {median(ratios):.1f} (from {min(ratios):.1f} to {max(ratios):.1f})")
    print(compared("final training loss", ours.losses, theirs.losses))
    print(compared("exact match", ours.matches, theirs.matches))


if __name__ == "__main__":
    main()
