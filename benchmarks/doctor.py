"""Accuracy of the doctor on faulty models of seven kinds and on healthy models that look odd.

    python benchmarks/doctor.py [--seeds 1] [--only gpt healthy] [--unseen] [--users] [-v]

Every case is a model built from a seed and what its user would give (``benchmarks/patients``); the check that an expert would name first
is written beside it. *Found*: some check fails. *Named*: that check fails, and at most two others do. *False alarm*: a check fails on a
healthy model. ``--users`` also runs the tests that users try today: whether the model overfits one batch, whether gradients
reach the future, whether a row has the same output alone as in a batch. ``--unseen`` takes the cases of ``benchmarks/unseen`` instead,
which were written by someone who had not read the checks. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import torch
from ladder import machine
from patients import CASES
from patients.case import Case
from unseen import CASES as UNSEEN

from seqwright.doctor import Report, examine


def examined(case: Case, seed: int) -> Report:
    subject = case.build(seed)
    return examine(subject.model, subject.contract, **subject.extras)


def judged(case: Case, report: Report) -> str:
    """Return a word for the doctor's result on a case."""
    failed = {finding.check for finding in report.failed}
    if case.fault is None:
        return "false alarm" if failed else "healthy"
    right = {case.fault, *case.also}
    if failed & right:
        return "named" if len(failed - right) <= 2 else "named among many"
    if failed:
        return "named wrongly"
    unsure = any(each.check in right and each.verdict == "inconclusive" for each in report.findings)
    return "inconclusive" if unsure else "missed"


def table(results: Sequence[tuple[Case, str, Report]]) -> None:
    """Print for each check the number of cases with its fault, and the results on them."""
    by_check: dict[str, list[str]] = defaultdict(list)
    alarms: dict[str, int] = defaultdict(int)
    for case, word, report in results:
        by_check[case.fault or "(healthy)"].append(word)
        if case.fault is None:
            for finding in report.failed:
                alarms[finding.check] += 1
    print(f"\n{'check':24} {'cases':>5} {'found':>5} {'named':>5} {'missed':>6} {'unsure':>6} {'false alarms':>12}")
    for check in sorted(set(by_check) | set(alarms)):
        words = by_check.get(check, [])
        found = sum(word.startswith("named") for word in words)
        row = (
            len(words),
            found,
            words.count("named"),
            words.count("missed"),
            words.count("inconclusive"),
            alarms.get(check, 0),
        )
        print(f"{check:24} {row[0]:5} {row[1]:5} {row[2]:5} {row[3]:6} {row[4]:6} {row[5]:12}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="parts of cases' names")
    parser.add_argument("--unseen", action="store_true", help="take the cases of benchmarks/unseen instead")
    parser.add_argument("--users", action="store_true", help="also run the tests that users try today")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(machine("cpu"), flush=True)
    cases = UNSEEN if arguments.unseen else CASES
    chosen = [case for case in cases if not arguments.only or any(part in case.name for part in arguments.only)]
    results, seconds = [], []
    for case in chosen:
        for seed in range(arguments.seeds):
            began = time.perf_counter()
            report = examined(case, seed)
            seconds.append(time.perf_counter() - began)
            word = judged(case, report)
            results.append((case, word, report))
            failed = ", ".join(finding.check for finding in report.failed)
            print(
                f"{word:18} {case.name:48} {case.fault or 'healthy':24} → {failed or '–'}  {seconds[-1]:.1f} s",
                flush=True,
            )
            if arguments.verbose and word not in ("named", "healthy"):
                print(report.text())
    table(results)
    faulty = [word for case, word, _ in results if case.fault]
    healthy = [word for case, word, _ in results if not case.fault]
    result = {
        "measured": "doctor",
        "faults": len(faulty),
        "recall": round(sum(word.startswith("named") for word in faulty) / max(1, len(faulty)), 3),
        "named rightly": round(faulty.count("named") / max(1, len(faulty)), 3),
        "inconclusive": round(faulty.count("inconclusive") / max(1, len(faulty)), 3),
        "healthy": len(healthy),
        "false alarms": healthy.count("false alarm"),
        "seconds": round(median(seconds), 1),
        "longest": round(max(seconds), 1),
    }
    if arguments.users:
        from patients.users import tried_by_users

        tried_by_users(list(chosen))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
