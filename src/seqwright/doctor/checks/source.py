"""Dependence of the output on the source, and on the input at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.dependency import measure_dependency
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler
from seqwright.doctor.model_under_test import ModelUnderTest, counterexample
from seqwright.doctor.remedies import replacing
from seqwright.doctor.run_modes import EVAL
from seqwright.evaluation.signature import SAME

SOURCE_IGNORED = Check(
    "source-ignored",
    "The output does not depend on the source, or not on some of its tokens.",
    "look whether the encoder's output reaches cross attention (its argument, its mask, its residual branch), and whether the decoder's state begins from it",
    applies=lambda contract: contract.reads_source,
)
MEAN_COLLAPSE = Check(
    "mean-collapse",
    "The output is the same for every input.",
    "look for a norm over one feature, for dead activations, and for a head whose input is constant",
)


LARGE_CHANGE = 3.0
"""Logits that change by more than this depend on the input, however little the probabilities change."""


class SourceChecks(Spec, CheckGroup):
    """``source-ignored``."""

    checks = (SOURCE_IGNORED,)
    order = 8

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Replace each token of the source in turn."""
        length = subject.length(6)
        used: dict[str, torch.Tensor] = {}
        for mode in dict.fromkeys((EVAL, subject.modes[-1])):
            tokens = torch.zeros(length, dtype=torch.bool)
            for copy in subject.copies:
                found = measure_dependency(copy, length, mode, side="source")
                tokens |= (found.change.nan_to_num(0.0) > copy.tolerance(found.noise, mode)).any(0)
            used[mode.name] = tokens
        mode_name = next((name for name, tokens in used.items() if not tokens.all()), None)
        if mode_name is None:
            yield SOURCE_IGNORED.passed("Every token of the source makes a difference.")
        else:
            yield _ignored(subject, mode_name, (~used[mode_name]).nonzero()[:, 0].tolist(), length)


def _ignored(subject: ModelUnderTest, mode_name: str, positions: list[int], length: int) -> Finding:
    before, whole = InputSampler(subject.contract, 18).batch(1, length, length), len(positions) == length
    changed, at = before.side("source").clone(), positions if whole else positions[:1]
    changed[0, at] = InputSampler(subject.contract, 19).other_than(changed[0, at], "source")
    last, after = before.ids.shape[1] - 1, before.with_side("source", changed)
    difference = "another source" if whole else f"source token {positions[0]} replaced"
    return SOURCE_IGNORED.failed(
        f"{mode_name}; {'the whole source' if whole else f'source positions {positions}'}",
        {"positions": len(positions), "of": length},
        counterexample(subject.reinitialised, before, after, 0, last, difference),
    )


class CollapseChecks(Spec, CheckGroup):
    """``mean-collapse``."""

    checks = (MEAN_COLLAPSE,)
    order = 3

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Compare the outputs of inputs that share no token."""
        length, changes, collapsed = subject.length(6), [], []
        for copy in subject.copies:
            sampler = InputSampler(subject.contract, 20)
            one, other = sampler.batch(4, length), sampler.batch(4, length)
            changes.append(max(copy.change(one, other, mode).max().item() for mode in subject.modes))
            size = copy.logits(InputSampler(subject.contract, 20).batch(1, 2)).abs().max().item()
            collapsed.append(changes[-1] <= 1e-9 * max(1.0, size))
        if collapsed[0]:
            evidence = {"change": changes[0], "change, re-initialised": changes[1]}
            yield _collapsed(subject, evidence, structural=collapsed[1])
        else:
            yield _constant(subject) or MEAN_COLLAPSE.passed("The output depends on the input.", change=changes[0])


def _collapsed(subject: ModelUnderTest, evidence: Mapping[str, float], *, structural: bool) -> Finding:
    length, original = subject.length(6), subject.original
    before, after = (InputSampler(subject.contract, seed).batch(1, length) for seed in (20, 21))
    logits = original.logits(before)
    if not structural and bool((logits - logits.mean(-1, keepdim=True)).abs().max() < 1e-9):
        return MEAN_COLLAPSE.inconclusive(
            "All logits are equal, as from a head that is initialised to zero; with other parameters the output depends on the input.",
            **evidence,
        )
    because = "With re-initialised parameters, too." if structural else "With other parameters it would depend on it."
    example, named = counterexample(original, before, after, 0, 0, "other tokens"), original.module.named_modules()
    narrow = next((name for name, module in named if structural and _norms_one_feature(module)), "")
    if not narrow:
        return MEAN_COLLAPSE.failed("", evidence, example, because=because)
    because = f"{narrow} normalises over a single feature, which makes a constant of it."
    return MEAN_COLLAPSE.failed(narrow, evidence, example, because=because, edit=_wider(subject))


def _constant(subject: ModelUnderTest) -> Finding | None:
    """Find probabilities that are far from even and hardly depend on the input: a model that has learnt frequencies alone."""
    sampler, found = InputSampler(subject.contract, 20), []
    for length in sorted({subject.length(each) for each in (1, 2, 4, 7)}):
        before, after = sampler.batch(6, length, length), sampler.batch(6, length, length)
        if subject.contract.bos is not None:  # as in training
            before.ids[:, 0] = after.ids[:, 0] = subject.contract.bos
        logits = [subject.original.logits(batch) for batch in (before, after)]
        one, other = (each.softmax(-1) for each in logits)
        if one.shape[-1] < 3 or not one.isfinite().all():
            return None
        mean = torch.cat([one, other]).flatten(0, 1).mean(0)
        unevenness = (mean - 1 / len(mean)).abs().sum().item() / 2
        spread = max((each - mean).abs().sum(-1).max().item() / 2 for each in (one, other))
        large = (logits[0] - logits[1]).abs().max().item() > LARGE_CHANGE
        if spread >= SAME or unevenness <= 4 * SAME or large:
            return None  # at this length, at least, the output depends on the input
        found.append((spread, unevenness, before, after))
    spread, unevenness, before, after = found[-1]
    return MEAN_COLLAPSE.failed(
        "every position, at every length", {"change of probability": spread, "threshold": SAME, "distance from uniform": unevenness},
        counterexample(subject.original, before, after, 0, 0, "other tokens"), because="It predicts the frequencies of the ids.",
    )  # fmt: skip


def _norms_one_feature(module: torch.nn.Module) -> bool:
    shape, weight = getattr(module, "normalized_shape", None), getattr(module, "weight", None)
    if shape is not None:
        return tuple(shape) == (1,)
    return "Norm" in type(module).__name__ and isinstance(weight, torch.Tensor) and weight.numel() == 1


def _wider(subject: ModelUnderTest) -> dict[str, object]:
    """Return the edit that makes a model of width 1 wider, and maps its numbers to that width."""
    if getattr(subject.spec, "width", None) != 1:
        return {}
    return (
        {"width": 8}
        | replacing(subject.spec, "ScalarEmbedding", "LinearScalarEmbedding")
        | replacing(subject.spec, "VectorHead", "ScalarHead")
    )
