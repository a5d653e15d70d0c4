"""What follows from what: a model that sees the future fails other checks for that alone, and is to be mended there first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seqwright.doctor.finding import Finding

FOLLOWS: dict[str, frozenset[str]] = {
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
"""For each check those that fail with it, in the order in which causes are looked for."""


def sorted_out(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those that follow from another's failure being warnings that say so.

    >>> leak, cache = (Finding(check=name, verdict="fail", explanation="") for name in ("future-leak", "cache-mismatch"))
    >>> [each.verdict for each in sorted_out([leak, cache])]
    ['fail', 'warn']
    """
    found = {finding.check: finding for finding in findings}
    for cause, follow in FOLLOWS.items():
        if cause not in found or found[cause].verdict != "fail":
            continue
        for name in follow & set(found):
            if found[name].verdict == "fail":
                told = f"It may follow from {cause}: mend that first. {found[name].explanation}"
                found[name] = msgspec.structs.replace(found[name], verdict="warn", explanation=told)
    return list(found.values())
