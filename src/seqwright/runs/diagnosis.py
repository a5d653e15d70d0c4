"""Diagnosis of a finished run from its curves, in sentences with something to try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqwright.runs.manifest import Result

TENTH = 10


def diagnose(lines: Sequence[dict[str, Any]], result: Result) -> list[str]:
    """Return sentences about a finished run, each with something to try; none where nothing stands out.

    Args:
        lines: of ``metrics.jsonl``.
        result: the end of the run.
    """
    losses = [line["loss"] for line in lines if "loss" in line]
    dev = [(line["step"], line["dev_loss"], line.get("dev_exact_match")) for line in lines if "dev_loss" in line]
    if len(losses) < TENTH or not dev:
        return []
    part = max(1, len(losses) // TENTH)
    first, last = sum(losses[:part]) / part, sum(losses[-part:]) / part
    notes = []
    if last > 1.5 * losses[0]:
        notes.append(
            f"It diverged: the training loss was {losses[0]:.2f} at the first step and {last:.2f} at the end. Try a lower"
            " rate (--set training.rate=… ten times lower)."
        )
    elif last > 0.9 * first:
        notes.append(
            f"It did not learn: the training loss went from {first:.2f} to {last:.2f}. Try another rate"
            " (--set training.rate=… ten times lower, then ten times higher) and check whether sources determine their"
            " targets at all."
        )
    elif dev[-1][2] is not None and not any(match for _, _, match in dev):
        notes.append(
            f"The training loss fell from {first:.2f} to {last:.2f}, yet not one dev row is answered exactly. Train longer"
            " (--set training.steps=…, --set evaluation.patience=…), or see the errors with `seqwright evaluate`."
        )
    lowest = min(dev, key=lambda point: point[1])
    if dev[-1][1] > 1.25 * lowest[1] and lowest[0] < 0.7 * dev[-1][0] and result.best_step < dev[-1][0]:
        notes.append(
            f"It overfits: the dev loss was lowest at step {lowest[0]:,} ({lowest[1]:.2f}) and rose to {dev[-1][1]:.2f}."
            " More data helps most; else more dropout (--set model.encoder.blocks.dropout=…,"
            " --set model.decoder.blocks.dropout=…) or a narrower model."
        )
    if lowest[0] >= 0.95 * result.steps and len(dev) > 3 and not notes:
        notes.append(
            "The dev loss still fell at the end, so training longer may help: --set training.steps=… in a new run."
        )
    return notes
