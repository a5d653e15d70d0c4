"""Separations of parts that the literature reports, each tested with ten seeds.

    python benchmarks/separation.py [--seeds 10] [--out FOLDER] [--only depth controls positions]

* *positions*: beyond the training length no positions and relative ones do at least as well as rotary and sinusoidal ones, on
  copy and reverse (Kazemnejad et al. 2023, decoder-only there, encoder and decoder here);
* *controls*: parity is not learnt (the negative control); on histogram, removing positions costs nothing (the positive one);
* *depth*: two layers learn induction and recall, one does not (Olsson et al. 2022; Arora et al. 2023).

The numbers are exact match by generating, the median over seeds with its interval. The study's finished work units are kept in
FOLDER, so a run that was stopped goes on. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from ladder import machine

from seqwright.core.spec import vary
from seqwright.studies.cell import Cell
from seqwright.studies.effect import Effect
from seqwright.studies.experiment import Experiment
from seqwright.studies.model_scale import ModelScale
from seqwright.studies.questions.parts import WITHOUT
from seqwright.studies.questions.positions import ABSENT, position_edits
from seqwright.studies.study import cell
from seqwright.studies.table import BEYOND, WHOLE, ResultTable
from seqwright.studies.task_source import DrawnTask
from seqwright.tasks.algorithmic import AssociativeRecall, Copy, Histogram, Induction, Parity, Reverse

MANY = ModelScale(lengths=(2, 20))
"""Parity of up to eight symbols can be learnt by heart: there are 510 sources, and training shows three in four of them."""

LONGER = ModelScale(steps=2500)
"""Induction and recall are learnt suddenly, and late."""


def positions() -> list[Cell]:
    cells = []
    for task in (Copy(), Reverse()):
        source = DrawnTask(task, vary(ModelScale(), {"lengths": (1, 8), "test": 200}))
        rows = source.rows(beyond=(9, 10, 12, 16))
        cells += [
            cell(source, kind, edits, rows=rows, base="positions")
            for kind, edits in position_edits(rows.max_length).items()
        ]
    return cells


def controls() -> list[Cell]:
    return [
        cell(DrawnTask(task, setting), variant, edits, base="controls")
        for task, setting in ((Parity(), MANY), (Histogram(), ModelScale()))
        for variant, edits in ((WHOLE, {}), ("no-positions", WITHOUT["positions"]))
    ]


def depth() -> list[Cell]:
    return [
        cell(DrawnTask(task, LONGER), variant, edits, base="depth")
        for task in (Induction(), AssociativeRecall(symbols=8))
        for variant, edits in ((WHOLE, {}), ("no-depth", WITHOUT["depth"]))
    ]


GROUPS = {"positions": positions, "controls": controls, "depth": depth}


def verdicts(table: ResultTable) -> list[tuple[str, bool, str]]:
    """Return each claim, whether it holds, and the numbers."""
    found: list[tuple[str, bool, str]] = []
    for task in ("copy", "reverse"):
        for kind in (ABSENT, "alibi", "t5-relative"):
            for other in ("rotary", "sinusoidal"):
                if table.find(task, kind):
                    effect = Effect.of(kind, table.cell(task, kind), table.cell(task, other), BEYOND)
                    claim = f"beyond its training on {task}, {kind} ≥ {other}"
                    found.append((claim, effect.worth.high >= 0, _numbers(effect)))
    if table.find("parity", WHOLE):
        match = table.cell("parity", WHOLE).exact_match
        numbers = f"{match.median:.2f} [{match.low:.2f}, {match.high:.2f}]"
        found.append(("parity is not learnt", match.high < 0.9, numbers))
        free = Effect.of("positions", table.cell("histogram", WHOLE), table.cell("histogram", "no-positions"))
        found.append(("on histogram positions are idle", free.worth.median <= 0.05, _numbers(free)))
    for task in ("induction", "associative-recall"):
        if table.find(task, WHOLE):
            deep = Effect.of("depth", table.cell(task, WHOLE), table.cell(task, "no-depth"))
            found.append((f"two layers beat one on {task}", deep.worth.low > 0, _numbers(deep)))
    return found


def _numbers(effect: Effect) -> str:
    worth = effect.worth
    return (
        f"{effect.with_it:.2f} against {effect.without:.2f}: {worth.median:+.2f} [{worth.low:+.2f}, {worth.high:+.2f}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("seqwright-out/separation"))
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    print(machine("cpu"), flush=True)
    claims: list[tuple[str, bool, str]] = []
    for name in chosen.only:
        table = Experiment(name, tuple(GROUPS[name]()), chosen.seeds).run(chosen.out / name, workers=chosen.workers)
        claims += verdicts(table)
    for claim, holds, numbers in claims:
        print(f"{'holds' if holds else 'does not hold':14}{claim}: {numbers}")
    print(
        json.dumps(
            {"measured": "separation", "seeds": chosen.seeds, "claims": {claim: holds for claim, holds, _ in claims}}
        )
    )


if __name__ == "__main__":
    main()
