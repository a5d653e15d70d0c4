"""The answer depends on the question."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqwright.doctor.dependency import dependency
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL
from seqwright.doctor.reading import Words
from seqwright.evaluation.signature import SAME

SOURCE_IGNORED = Check(
    "source-ignored",
    "What is said does not depend on the source, or not on some tokens of it.",
    "look whether the encoder's output reaches cross attention (its argument, its mask, its residual branch), and whether the decoder's state begins from it",
)
MEAN_COLLAPSE = Check(
    "mean-collapse",
    "The same is said whatever is read.",
    "look for a norm over one feature, for activations that are dead, and for a head that hears nothing",
)


LOUD = 3.0
"""Logits that move by more than this hear what is read, however sure probabilities are."""


def source(patient: ModelUnderTest) -> Iterator[Finding]:
    """``source-ignored``."""
    if patient.contract.kind != "encoder-decoder":
        return
    length = patient.length(6)
    live: dict[str, torch.Tensor] = {}
    for mode in dict.fromkeys((EVAL, patient.modes[-1])):
        seen = torch.zeros(length, dtype=torch.bool)
        for body in patient.bodies:
            found = dependency(body, length, mode, side="source")
            seen |= (found.moved.nan_to_num(0.0) > body.tolerance(found.noise, mode)).any(0)
        live[mode.name] = seen
    told = next((mode for mode, seen in live.items() if not seen.all()), None)
    if told is None:
        yield SOURCE_IGNORED.passed("Every token of the source makes a difference.")
        return
    lost = (~live[told]).nonzero()[:, 0].tolist()
    before = Words(patient.contract, 18).reading(1, length, length)
    assert before.source is not None
    after = before.with_source(Words(patient.contract, 19).other(before.source))
    whole = len(lost) == length
    if not whole:
        after = before.with_source(before.source.clone())
        after.source[0, lost[0]] = Words(patient.contract, 19).other(before.source[0, lost[0]])  # type: ignore[index]
    yield SOURCE_IGNORED.failed(
        f"{told}; {'the whole source' if whole else f'source positions {lost}'}",
        {"positions": float(len(lost)), "of": float(length)},
        counterexample(
            patient.redrawn,
            before,
            after,
            0,
            before.ids.shape[1] - 1,
            "another source" if whole else f"source token {lost[0]} replaced",
        ),
    )


def collapse(patient: ModelUnderTest) -> Iterator[Finding]:
    """``mean-collapse``: whether anything that is read makes a difference to anything that is said."""
    moved = {}
    for body in patient.bodies:
        words = Words(patient.contract, 20)
        one, other = words.reading(4, patient.length(6)), words.reading(4, patient.length(6))
        moved[body.name] = max(body.moved(one, other, mode).max().item() for mode in patient.modes)
    actual, redrawn = patient.bodies
    dead = {
        body.name: moved[body.name]
        <= 1e-9 * max(1.0, body.logits(Words(patient.contract, 20).reading(1, 2)).abs().max().item())
        for body in patient.bodies
    }
    if not dead[actual.name]:
        constant = _constant(patient)
        if constant is not None:
            yield constant
            return
        yield MEAN_COLLAPSE.passed("What is said depends on what is read.", moved=moved[actual.name])
        return
    before, after = (
        Words(patient.contract, 20).reading(1, patient.length(6)),
        Words(patient.contract, 21).reading(1, patient.length(6)),
    )
    evidence: dict[str, float | str] = {"moved": moved[actual.name], "moved, drawn anew": moved[redrawn.name]}
    if dead[redrawn.name]:
        narrow = [name for name, module in patient.actual.module.named_modules() if _one_feature(module)]
        cause = (
            f"{narrow[0]} normalises over a single feature, which makes a constant of it."
            if narrow
            else "With parameters drawn anew, too, nothing is heard."
        )
        yield MEAN_COLLAPSE.failed(
            narrow[0] if narrow else "",
            evidence,
            counterexample(actual, before, after, 0, 0, "other tokens"),
            because=cause,
            edit=_wider(patient) if narrow else {},
        )
        return
    said = actual.logits(before)
    if bool((said - said.mean(-1, keepdim=True)).abs().max() < 1e-9):  # zeros, as a head that begins at zero says
        yield MEAN_COLLAPSE.inconclusive(
            "All logits are equal, as a head says that begins at zero: trained or drawn anew, it may hear.", **evidence
        )
        return
    yield MEAN_COLLAPSE.failed(
        "",
        evidence,
        counterexample(actual, before, after, 0, 0, "other tokens"),
        because="With other parameters it would hear.",
    )


def _constant(patient: ModelUnderTest) -> Finding | None:
    """Probabilities that are far from even, and next to the same whatever is read: a trained model that says frequencies."""
    words, found = Words(patient.contract, 20), []
    for length in sorted({patient.length(each) for each in (1, 2, 4, 7)}):
        before, after = words.reading(6, length, length), words.reading(6, length, length)
        if patient.contract.bos is not None:  # as a trained model knows them
            before.ids[:, 0] = after.ids[:, 0] = patient.contract.bos
        logits = [patient.actual.logits(reading) for reading in (before, after)]
        said, other = (each.softmax(-1) for each in logits)
        if said.shape[-1] < 3 or not said.isfinite().all():
            return None
        mean = torch.cat([said, other]).flatten(0, 1).mean(0)
        uneven = (mean - 1 / len(mean)).abs().sum().item() / 2
        spread = max((each - mean).abs().sum(-1).max().item() / 2 for each in (said, other))
        loud = (logits[0] - logits[1]).abs().max().item() > LOUD
        if spread >= SAME or uneven <= 4 * SAME or loud:
            return None  # at this length, at least, it hears
        found.append((spread, uneven, before, after))
    spread, uneven, before, after = found[-1]
    return MEAN_COLLAPSE.failed(
        "every position, at every length", {"probability that moves": spread, "threshold": SAME, "from even": uneven},
        counterexample(patient.actual, before, after, 0, 0, "other tokens"), because="It says frequencies.",
    )  # fmt: skip


def _one_feature(module: torch.nn.Module) -> bool:
    shape = getattr(module, "normalized_shape", None)
    weight = getattr(module, "weight", None)
    if shape is not None:
        return tuple(shape) == (1,)
    return "Norm" in type(module).__name__ and isinstance(weight, torch.Tensor) and weight.numel() == 1


def _wider(patient: ModelUnderTest) -> dict[str, object]:
    """For a native model of width 1: the same scalar, lifted to a width at which its norm says something."""
    if getattr(patient.spec, "width", None) != 1:
        return {}
    return {"width": 8, "embedding": {"type": "LiftedScalarEmbedding"}, "head": {"type": "ScalarHead"}}
