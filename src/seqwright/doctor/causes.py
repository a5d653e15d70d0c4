"""Consequences: faults that follow from other faults, which are to be fixed first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seqwright.doctor.finding import Finding

CONSEQUENCES: dict[str, frozenset[str]] = {
    "padding-polarity": frozenset({"nan", "padding-in-loss", "teacher-forced-only", "source-ignored", "answers-padded"}),
    "nan": frozenset({
        "mean-collapse", "past-blocked", "padding-leak", "cross-padding-leak", "cache-mismatch", "source-ignored",
        "untrained-part", "order-blind", "positions-ineffective",
    }),
    "mean-collapse": frozenset({
        "past-blocked", "order-blind", "positions-ineffective", "source-ignored", "untrained-part", "teacher-forced-only",
        "never-stops", "init-loss", "answers-constant", "answers-reordered",
    }),
    "eval-nondeterministic": frozenset({
        "stateful", "cache-mismatch", "mode-dependent", "batch-mixing", "padding-leak", "cross-padding-leak", "padding-in-loss",
    }),
    "stateful": frozenset({"cache-mismatch", "mode-dependent", "batch-mixing", "padding-leak", "padding-in-loss"}),
    "batch-mixing": frozenset({
        "past-blocked", "cache-mismatch", "padding-leak", "cross-padding-leak", "padding-polarity", "padding-in-loss",
        "order-blind", "source-ignored", "mode-dependent", "weak-mask-fill", "future-leak",
    }),
    "future-leak": frozenset({
        "cache-mismatch", "padding-leak", "padding-polarity", "padding-in-loss", "teacher-forced-only", "mode-dependent", "batch-mixing",
        "window-exceeded", "never-stops",
    }),
    "attention-normalisation": frozenset({"cache-mismatch", "padding-leak", "cross-padding-leak", "padding-in-loss", "batch-mixing"}),
    "padding-leak": frozenset({"padding-in-loss", "teacher-forced-only", "answers-padded"}),
    "cross-padding-leak": frozenset({"padding-in-loss", "teacher-forced-only", "answers-padded"}),
    "past-blocked": frozenset({"order-blind"}),
    "order-blind": frozenset({"positions-ineffective", "answers-reordered"}),
    "positions-ineffective": frozenset({"order-blind"}),
    "target-shift": frozenset({"padding-in-loss"}),
    "labels-without-eos": frozenset({"never-stops"}),
    "source-ignored": frozenset({"untrained-part", "order-blind", "answers-constant", "answers-reordered"}),
}  # fmt: skip
"""The checks that fail together with each check, causes being looked for from the top."""


def mark_consequences(findings: Iterable[Finding]) -> list[Finding]:
    """Turn failures that follow from another failure into warnings that name it.

    >>> leak, cache = (Finding(check=name, verdict="fail", explanation="") for name in ("future-leak", "cache-mismatch"))
    >>> [each.verdict for each in mark_consequences([leak, cache])]
    ['fail', 'warn']
    """
    found = {finding.check: finding for finding in findings}
    for cause, consequences in CONSEQUENCES.items():
        if cause not in found or found[cause].verdict != "fail":
            continue
        for name in consequences & set(found):
            if found[name].verdict == "fail":
                explanation = f"It may follow from {cause}: fix that first. {found[name].explanation}"
                found[name] = msgspec.structs.replace(found[name], verdict="warn", explanation=explanation)
    return list(found.values())
