"""Order matters: two tokens that change places change what is said, and the part that tells places does something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from seqwright.doctor.copies import copied
from seqwright.doctor.finding import Check, Finding
from seqwright.doctor.model_under_test import Body, ModelUnderTest, counterexample
from seqwright.doctor.modes import EVAL
from seqwright.doctor.reading import ModelInput, Side, Words, joined

ORDER_BLIND = Check(
    "order-blind",
    "Tokens can change places and nothing changes but the places of the outputs: the model reads a bag of words.",
    "look for positions that are not added (or are added to something that is not used), and for frequencies that give all places the same",
)
POSITIONS_INEFFECTIVE = Check(
    "positions-ineffective",
    "There are positions, and they make next to no difference.",
    "look at their scale beside the embeddings', for a table that is frozen at zero, and for a sum that is dropped",
)
WEAK = 1e-3
"""Positions that move outputs by less than this part of what words do are as good as absent."""

NAMES = re.compile(
    r"(^|[._])(wpe|pe|pos|posi?tions?|places?|place_\w*|position(al)?_?\w*|relative\w*|rel_pos\w*|alibi\w*|rotary\w*|rope\w*|inv_freq)([._]|$)",
    re.IGNORECASE,
)
"""What parts that tell places are called."""

PAIRS = re.compile(r"relative|rel_|alibi|rotary|rope|inv_freq|bias", re.IGNORECASE)
"""What those are called that act on pairs of places: in a fresh model, whose attention is nearly even, they move next to nothing."""


def order(patient: ModelUnderTest) -> Iterator[Finding]:
    """``order-blind`` and ``positions-ineffective``."""
    source = patient.contract.kind == "encoder-decoder"
    yield _blind(patient, "source" if source else "target")
    yield _ineffective(patient)


def _blind(patient: ModelUnderTest, side: Side) -> Finding:
    length = patient.length(8 if patient.heavy else 12)
    if length < (2 if side == "source" or not patient.contract.decodes else 3):
        return ORDER_BLIND.inconclusive(f"Sequences of {length} tokens have no order to see.")
    results = [_pairs(patient, body, side, length) for body in patient.bodies]
    if all(live == 0 for live, *_ in results):
        return ORDER_BLIND.inconclusive("The outputs that are compared depend on no token that could change its place.")
    # a pair is seen where either body sees it
    blind = set.intersection(*(set(pairs) for live, pairs, _ in results if live))
    all_pairs = results[0][2] if results[0][0] else results[1][2]
    if not blind:
        return ORDER_BLIND.passed(f"Every pair of {length} tokens that changed places was noticed.")
    body = patient.redrawn if results[1][0] else patient.actual
    i, j = sorted(blind)[0]
    before, after = swapped(patient, side, length, i, j)
    place = before.ids.shape[1] - 1 if side == "source" or patient.contract.decodes else i
    whole = len(blind) == all_pairs
    told = "any two tokens" if whole else f"{len(blind)} of {all_pairs} pairs of places"
    edit: dict[str, object] = {}
    stack = getattr(patient.spec, "encoder" if side == "source" else "decoder", None)
    if stack is not None and type(stack.position).__name__ == "NoPosition":
        edit = {f"{'encoder' if side == 'source' else 'decoder'}.position": {"type": "SinusoidalPosition"}}
    return ORDER_BLIND.failed(
        f"{told} of the source, as {i} and {j}" if side == "source" else f"{told}, as {i} and {j}",
        {"pairs": float(len(blind)), "of": float(all_pairs), "threshold": body.tolerance()},
        counterexample(body, before, after, 0, place, f"tokens {i} and {j} change places"),
        because="" if whole else "Here only some places are taken for one another.",
        edit=edit,
    )


def swapped(patient: ModelUnderTest, side: Side, length: int, i: int, j: int) -> tuple[ModelInput, ModelInput]:
    """A row, and the same with two of its tokens, which differ, in each other's place."""
    words = Words(patient.contract, 13)
    before = words.reading(1, patient.length(3) if side == "source" else length, length)
    ids = before.side(side)
    if ids[0, i] == ids[0, j]:
        ids[0, j] = words.other(ids[0, j])
    changed = ids.clone()
    changed[0, [i, j]] = ids[0, [j, i]]
    return before, before.with_side(side, changed)


def _pairs(patient: ModelUnderTest, body: Body, side: Side, length: int) -> tuple[int, list[tuple[int, int]], int]:
    """How many pairs could be seen, those that were not, and how many were tried."""
    causal = side == "target" and patient.contract.decodes
    candidates = [(i, j) for i in range(length) for j in range(i + 1, length) if not causal or j < length - 1]
    if patient.heavy:
        candidates = candidates[:: max(1, len(candidates) // 10)]
    swaps = [swapped(patient, side, length, i, j) for i, j in candidates]
    before, after = joined([one for one, _ in swaps]), joined([other for _, other in swaps])
    otherwise = joined([replaced(patient, side, one, i) for (one, _), (i, _) in zip(swaps, candidates, strict=True)])
    said, then, without = (body.logits(reading).nan_to_num(0.0) for reading in (before, after, otherwise))
    live, blind = 0, []
    for row, (i, j) in enumerate(candidates):
        one, other, changed = said[row], then[row], without[row]
        if causal:  # the last output sees both
            one, other, changed = one[-1:], other[-1:], changed[-1:]
        elif side == "target" and len(one) == length:  # outputs change places with their tokens
            other = other.clone()
            other[[i, j]] = then[row][[j, i]]
        sees, moved = (one - changed).abs().max().item(), (one - other).abs().max().item()
        if sees > body.tolerance():
            live += 1
            if moved <= max(body.tolerance(), 1e-4 * sees):
                blind.append((i, j))
    return live, blind, live


def replaced(patient: ModelUnderTest, side: Side, before: ModelInput, place: int) -> ModelInput:
    """The row with another token at one place."""
    changed = before.side(side).clone()
    changed[0, place] = Words(patient.contract, 15).other(changed[0, place])
    return before.with_side(side, changed)


def tables(module: nn.Module, indexed: Set[str] = frozenset()) -> list[tuple[str, nn.Module, str, Tensor]]:
    """Tensors that tell places, by their names or because they are ``indexed`` by places: path, owner, attribute and value."""
    found = []
    for path, owner in module.named_modules():
        held = {**dict(owner.named_parameters(recurse=False)), **dict(owner.named_buffers(recurse=False))}
        held |= {name: value for name, value in vars(owner).items() if isinstance(value, Tensor)}
        for name, value in held.items():
            full = f"{path}.{name}" if path else name
            if value.is_floating_point() and value.ndim >= 1 and (NAMES.search(full) or path in indexed):
                found.append((full, owner, name, value))
    return found


def indices(body: Body, reading: ModelInput) -> dict[str, Tensor]:
    """What each embedding is asked for."""
    asked: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any) -> None:
            if args and isinstance(args[0], Tensor):
                asked[name] = args[0].detach().to("cpu")

        return hook

    with body.ready(EVAL) as module:
        hooks = [
            each.register_forward_pre_hook(note(name))
            for name, each in module.named_modules()
            if isinstance(each, nn.Embedding)
        ]
        try:
            body.call(module, reading.to(body.device))
        finally:
            for hook in hooks:
                hook.remove()
    return asked


def indexed_by_place(body: Body, length: int) -> dict[str, Tensor]:
    """Embeddings that are asked for the same whatever is read, and for what: tables of positions."""
    words = Words(body.contract, 31)
    one, other = (indices(body, words.reading(2, length, length)) for _ in range(2))
    return {
        name: asked
        for name, asked in one.items()
        if name in other
        and asked.shape == other[name].shape
        and torch.equal(asked, other[name])
        and _by_place(asked, length)
    }


def _by_place(asked: Tensor, length: int) -> bool:
    """Whether these are places of tokens: a number for each token, and the first few all different."""
    row = asked[0] if asked.ndim == 2 else asked
    return row.ndim == 1 and len(row) == length and len(row[:4].unique()) == min(4, length)


def _ineffective(patient: ModelUnderTest) -> Finding:
    body = patient.actual
    indexed = indexed_by_place(body, patient.length(9)).keys()
    named = [path for path, *_ in tables(body.module, indexed)]
    if not named:
        return POSITIONS_INEFFECTIVE.not_examined(
            "No tensor is known by its name as one that tells places; order is judged by order-blind."
        )
    reading = Words(patient.contract, 16).reading(2, patient.length(9))
    effects = []
    for each in patient.bodies:
        said = each.logits(reading)
        words = Words(patient.contract, 17)
        changed = replace(
            reading,
            ids=words.other(reading.ids),
            source=None if reading.source is None else words.other(reading.source),
        )
        by_words = (said - each.logits(changed)).abs().nan_to_num(0.0).max().item()
        for factor in (0.0, 1.0):
            twin = copied(each.module)
            generator = torch.Generator().manual_seed(0)
            for _, owner, name, value in tables(twin, indexed):
                if not value.requires_grad and bool((value == 0).all()):
                    continue  # frozen at zero: it will never tell anything
                noise = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
                drawn = (
                    value * 0
                    if factor == 0
                    else value.detach() + noise * max(value.detach().std().item() if value.numel() > 1 else 0, 0.02)
                )
                _put(owner, name, drawn)
            moved = (said - each.with_module(twin, each.name).logits(reading)).abs().nan_to_num(0.0).max().item()
            effects.append(moved / by_words if by_words > each.tolerance() else float("nan"))
    seen = [effect for effect in effects if effect == effect]
    added = [value for path, _, _, value in tables(body.module, indexed) if not PAIRS.search(path)]
    if not seen:
        return POSITIONS_INEFFECTIVE.inconclusive("The outputs depend on no word either.")
    if max(seen) < WEAK and not added:
        return POSITIONS_INEFFECTIVE.inconclusive(
            "What tells places acts on pairs of them, and next to nothing is made of pairs here; order is judged by order-blind.",
            effect=max(seen), threshold=WEAK,
        )  # fmt: skip
    if max(seen) < WEAK:
        return POSITIONS_INEFFECTIVE.failed(
            ", ".join(named[:3]), {"effect": max(seen), "of words": 1.0, "threshold": WEAK},
            because="Taken away, or replaced, they move outputs by next to nothing of what a word does.",
        )  # fmt: skip
    tiny = effects[0] < WEAK and effects[0] == effects[0] and any(bool(value.abs().max() > 0) for value in added)
    if tiny:
        return POSITIONS_INEFFECTIVE.failed(
            ", ".join(named[:3]), {"effect": effects[0], "of words": 1.0, "threshold": WEAK},
            because="As they are now they do nothing; larger ones would.",
        )  # fmt: skip
    return POSITIONS_INEFFECTIVE.passed("Positions taken away change what is said.", effect=max(seen))


def _put(owner: nn.Module, name: str, value: Tensor) -> None:
    if name in owner._parameters:
        owner._parameters[name].data.copy_(value)  # type: ignore[union-attr]
    elif name in owner._buffers:
        owner._buffers[name] = value
    else:
        setattr(owner, name, value)
