"""Quality of the defaults: word error rates on the SIGMORPHON 2021 low-resource pronunciations.

Each language is trained with its official split and the defaults: the dev rows decide which weights are kept, the
test rows are answered once, at the end, by generating. A word is wrong unless every phone is right.

    python benchmarks/quality.py DATA            DATA holds ice_train.tsv, ice_dev.tsv, ice_test.tsv, and so on
    python benchmarks/quality.py DATA --languages ice --seeds 1

DATA is the folder ``data/low`` of github.com/sigmorphon/2021-task1. A finished training is not repeated, and a
stopped one continues when it is started again with the same ``--out``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

LANGUAGES = ("gre", "ice", "ita", "khm", "lav", "mlt_latn", "rum", "slv")
BASELINE = {"gre": 21, "ice": 12, "ita": 19, "khm": 34, "lav": 55, "mlt_latn": 19, "rum": 10, "slv": 49}
"""The shared task's own baseline, an ensemble of ten (Ashby et al. 2021, table 4)."""


def seqwright(*arguments: str) -> str:
    """Run the command on one thread: two trainings at a time use two cores better than one training does."""
    done = subprocess.run(
        [sys.executable, "-m", "seqwright", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def measure(data: Path, out: Path, language: str, seed: int, options: list[str]) -> dict[str, object]:
    """Train one model, or continue its training, and evaluate it on the test rows greedily and by beam search."""
    run = out / f"{language}-{seed}"
    if (run / "run.json").exists():
        seqwright("train", "--resume", str(run), "--json")
    else:
        files = [str(data / f"{language}_train.tsv"), "--dev", str(data / f"{language}_dev.tsv")]
        seqwright("train", *files, "--split-target-on", " ", "--seed", str(seed), "--out", str(run), "--json", *options)
    result = json.loads((run / "result.json").read_text())
    test = str(data / f"{language}_test.tsv")
    greedy = json.loads(seqwright("evaluate", str(run), test, "--json"))
    beam = json.loads(seqwright("evaluate", str(run), test, "--json", "--beam", "5"))
    return {
        "language": language,
        "seed": seed,
        "wer": 100 * greedy["wer"],
        "wer_beam": 100 * beam["wer"],
        "per": 100 * greedy["per"],
        "dev_wer": 100 * (1 - result["dev_exact_match"]),
        "seconds": result["seconds"],
        "steps": result["steps"],
        "best_step": result["best_step"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("seqwright-out/quality"))
    parser.add_argument("--set", action="append", default=[], dest="edits", help="passed on to train")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    options = [part for edit in arguments.edits for part in ("--set", edit)]
    jobs = [(language, seed) for seed in range(arguments.seeds) for language in arguments.languages]
    with ThreadPoolExecutor(arguments.workers) as pool:
        found = []
        for row in pool.map(lambda job: measure(arguments.data, arguments.out, *job, options), jobs):
            found.append(row)
            print(json.dumps(row), flush=True)
    print(f"\n{'language':10}{'greedy':>8}{'beam 5':>8}{'dev':>8}{'seconds':>9}{'baseline (10 models)':>22}")
    for language in arguments.languages:
        rows = [row for row in found if row["language"] == language]
        means = [mean(row[key] for row in rows) for key in ("wer", "wer_beam", "dev_wer", "seconds")]
        print(
            f"{language:10}"
            + "".join(f"{value:8.1f}" for value in means[:3])
            + f"{means[3]:9.0f}{BASELINE[language]:22}"
        )
    means = [mean(row[key] for row in found) for key in ("wer", "wer_beam", "dev_wer", "seconds")]
    baseline = mean(BASELINE[language] for language in arguments.languages)
    print(f"{'mean':10}" + "".join(f"{value:8.1f}" for value in means[:3]) + f"{means[3]:9.0f}{baseline:22.1f}")


if __name__ == "__main__":
    main()
