"""Order: swapping two tokens changes the output, and the parts that encode positions have an effect."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Set
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.core.model import Side
from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.copies import deep_copy, reinitialised_copy
from seqwright.doctor.finding import Finding
from seqwright.doctor.localise import record_modules
from seqwright.doctor.model_input import InputSampler, ModelInput, concatenate
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest, counterexample, differences
from seqwright.doctor.remedies import curing

ORDER_BLIND = Check(
    "order-blind",
    "Swapping tokens changes nothing but the order of the outputs: the model reads a bag of words.",
    "look for positions that are not added (or are added to something that is not used), and for frequencies that make all positions equal",
)
POSITIONS_INEFFECTIVE = Check(
    "positions-ineffective",
    "There are positions, and they make next to no difference.",
    "look at their scale beside the embeddings', for a table that is frozen at zero, and for a sum that is dropped",
)
WEAK = 1e-3
"""Positions whose effect is a smaller share of that of the tokens count as absent."""

POSITION_NAMES = re.compile(
    r"(^|[._])(wpe|pe|pos|posi?tions?|places?|place_\w*|position(al)?_?\w*|relative\w*|rel_pos\w*|alibi\w*|rotary\w*|rope\w*|inv_freq)([._]|$)",
    re.IGNORECASE,
)
"""Names of tensors that encode positions."""

RELATIVE_NAMES = re.compile(r"relative|rel_|alibi|rotary|rope|inv_freq|bias", re.IGNORECASE)
"""Names of those that act on pairs of positions: in a new model, whose attention is nearly even, they have next to no effect."""


class OrderChecks(Spec, CheckGroup):
    """``order-blind`` and ``positions-ineffective``."""

    checks = (ORDER_BLIND, POSITIONS_INEFFECTIVE)
    order = 7

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Swap pairs of tokens, and remove the positions."""
        yield _order_blind(subject, "source" if subject.contract.reads_source else "target")
        yield _ineffective(subject)


def _order_blind(subject: ModelUnderTest, side: Side) -> Finding:
    length = subject.length(8 if subject.large else 12)
    causal = side == "target" and subject.contract.predicts_next
    if length < (3 if causal else 2):
        return ORDER_BLIND.inconclusive(f"Sequences of {length} tokens have no order that could show.")
    candidates = list(itertools.combinations(range(length), 2))
    if causal:  # the last token is compared, and not swapped
        candidates = [(i, j) for i, j in candidates if j < length - 1]
    if subject.large:
        candidates = candidates[:: max(1, len(candidates) // 10)]
    results = [unnoticed_swaps(subject, copy, side, length, candidates) for copy in subject.copies]
    if all(tried == 0 for tried, _ in results):
        return ORDER_BLIND.inconclusive("The outputs that are compared depend on no token that could be swapped.")
    unnoticed = set.intersection(*(set(pairs) for tried, pairs in results if tried))
    if not unnoticed:
        return ORDER_BLIND.passed(f"Swapping any pair of {length} tokens changed the output.")
    number = next(tried for tried, _ in results if tried)
    copy = subject.reinitialised if results[1][0] else subject.original
    i, j = min(unnoticed)
    before, after, _ = swapped(subject, side, length, i, j)
    position = before.ids.shape[1] - 1 if side == "source" or causal else i
    whole = len(unnoticed) == number
    pairs = "any two tokens" if whole else f"{len(unnoticed)} of {number} pairs of positions"
    of_source = " of the source" if side == "source" else ""

    def cured(model: Any) -> bool:
        module = reinitialised_copy(model, subject.reinitialised.dtype)
        twin = subject.reinitialised.with_module(module, "")
        tried, pairs = unnoticed_swaps(subject, twin, side, length, candidates)
        return tried > 0 and not pairs

    return ORDER_BLIND.failed(
        f"{pairs}{of_source}, as {i} and {j}",
        {"pairs": len(unnoticed), "of": number, "threshold": copy.tolerance()},
        counterexample(copy, before, after, 0, position, f"tokens {i} and {j} swapped"),
        because="" if whole else "Only some positions are confused.",
        edit=curing(subject.spec, "NoPosition", "SinusoidalPosition", cured),
    )


def swapped(subject: ModelUnderTest, side: Side, length: int, i: int, j: int) -> tuple[ModelInput, ...]:
    """Return a row, the same row with two different tokens swapped, and with another token in place of the first of them."""
    sampler = InputSampler(subject.contract, 13)
    before = sampler.batch(1, subject.length(3) if side == "source" else length, length)
    ids = before.side(side)
    if ids[0, i] == ids[0, j]:
        ids[0, j] = sampler.other_than(ids[0, j], side)
    changed, replaced = ids.clone(), ids.clone()
    changed[0, [i, j]] = ids[0, [j, i]]
    replaced[0, i] = InputSampler(subject.contract, 15).other_than(ids[0, i], side)
    return before, before.with_side(side, changed), before.with_side(side, replaced)


def unnoticed_swaps(
    subject: ModelUnderTest, copy: ModelCopy, side: Side, length: int, pairs: list[tuple[int, int]]
) -> tuple[int, list[tuple[int, int]]]:
    """Return the number of pairs of which the output depends on at least one token, and those whose swap changes nothing."""
    causal = side == "target" and subject.contract.predicts_next
    rows = zip(*(swapped(subject, side, length, i, j) for i, j in pairs), strict=True)
    original, swap, replacement = (copy.logits(concatenate(each)).nan_to_num(0.0) for each in rows)
    tried, unnoticed = 0, []
    for row, (i, j) in enumerate(pairs):
        one, other, third = original[row], swap[row], replacement[row]
        if causal:  # the last output depends on both
            one, other, third = one[-1:], other[-1:], third[-1:]
        elif side == "target" and len(one) == length:  # outputs are swapped with their tokens
            other = other.clone()
            other[[i, j]] = swap[row][[j, i]]
        effect, change = (one - third).abs().max().item(), (one - other).abs().max().item()
        if effect > copy.tolerance():
            tried += 1
            if change <= max(copy.tolerance(), 1e-4 * effect):
                unnoticed.append((i, j))
    return tried, unnoticed


def position_tensors(module: nn.Module, indexed: Set[str]) -> list[tuple[str, nn.Module, str, Tensor]]:
    """Return tensors that encode positions, by name or because positions index them: path, owner, attribute and value."""
    found = []
    for path, owner in module.named_modules():
        held = {**dict(owner.named_parameters(recurse=False)), **dict(owner.named_buffers(recurse=False))}
        held |= {name: value for name, value in vars(owner).items() if isinstance(value, Tensor)}
        for name, value in held.items():
            full = f"{path}.{name}" if path else name
            if value.is_floating_point() and value.ndim >= 1 and (POSITION_NAMES.search(full) or path in indexed):
                found.append((full, owner, name, value))
    return found


def position_indices(copy: ModelCopy, length: int) -> dict[str, Tensor]:
    """Return the embeddings that are indexed by position, and each token's index: for every input the same, and not all equal."""
    sampler, found = InputSampler(copy.contract, 31), []
    for _ in range(2):
        records = record_modules(copy, sampler.batch(2, length, length), kind=nn.Embedding)
        given = {name: args[0].to("cpu") for name, (args, _), _ in records if args and isinstance(args[0], Tensor)}
        found.append({name: ids[0] if ids.ndim == 2 else ids for name, ids in given.items()})
    first, second = found
    return {
        name: row
        for name, row in first.items()
        if name in second and torch.equal(row, second[name])
        and row.ndim == 1 and len(row) == length and len(row[:4].unique()) == min(4, length)
    }  # fmt: skip


def _ineffective(subject: ModelUnderTest) -> Finding:
    module, length = subject.original.module, subject.length(9)
    indexed = position_indices(subject.original, length).keys()
    found = position_tensors(module, indexed)
    if not found:
        return POSITIONS_INEFFECTIVE.not_examined(
            "No tensor has the name of one that encodes positions; order is judged by order-blind."
        )
    effects = [effect for copy in subject.copies for effect in _effects(copy, length, indexed)]
    known = [effect for effect in effects if not math.isnan(effect)]
    absolute = [value for path, _, _, value in found if not RELATIVE_NAMES.search(path)]
    where = ", ".join(path for path, *_ in found[:3])
    if not known:
        return POSITIONS_INEFFECTIVE.inconclusive("The outputs depend on no token either.")
    if max(known) < WEAK and not absolute:
        return POSITIONS_INEFFECTIVE.inconclusive(
            "The positions act on pairs of tokens, and pairs have next to no effect; order is judged by order-blind.",
            effect=max(known), threshold=WEAK,
        )  # fmt: skip
    effect, because = max(known), "Removed, or replaced, they change outputs by next to nothing of what a token does."
    if effect >= WEAK and effects[0] < WEAK and any(bool(value.abs().max() > 0) for value in absolute):
        effect, because = effects[0], "With their present values they have no effect; larger ones would."
    if effect < WEAK:
        evidence = {"effect": effect, "of tokens": 1, "threshold": WEAK}
        return POSITIONS_INEFFECTIVE.failed(where, evidence, because=because)
    return POSITIONS_INEFFECTIVE.passed("Without positions the output changes.", effect=max(known))


def _effects(copy: ModelCopy, length: int, indexed: Set[str]) -> Iterator[float]:
    """Yield the effect of setting positions to zero, then of adding noise, as a share of that of other tokens; NaN if that is 0."""
    batch = InputSampler(copy.contract, 16).batch(2, length)
    logits, changed, sampler = copy.logits(batch), batch, InputSampler(copy.contract, 17)
    sides: tuple[Side, ...] = ("target", "source") if copy.contract.reads_source else ("target",)
    for side in sides:
        changed = changed.with_side(side, sampler.other_than(batch.side(side), side))
    of_tokens = differences(logits, copy.logits(changed)).max().item()
    for noisy in (False, True):
        twin = deep_copy(copy.module)
        generator = torch.Generator().manual_seed(0)
        for _, owner, name, value in position_tensors(twin, indexed):
            if not value.requires_grad and bool((value == 0).all()):
                continue  # frozen at zero: it has no effect, now or later
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
            deviation = max(value.detach().std().item() if value.numel() > 1 else 0, 0.02)
            _assign(owner, name, value.detach() + noise * deviation if noisy else value * 0)
        change = differences(logits, copy.with_module(twin, copy.name).logits(batch)).max().item()
        yield change / of_tokens if of_tokens > copy.tolerance() else float("nan")


def _assign(owner: nn.Module, name: str, value: Tensor) -> None:
    if name in owner._parameters:
        owner._parameters[name].data.copy_(value)  # type: ignore[union-attr]
    elif name in owner._buffers:
        owner._buffers[name] = value
    else:
        setattr(owner, name, value)
