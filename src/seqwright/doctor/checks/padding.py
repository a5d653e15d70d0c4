"""Padding fills a rectangle and says nothing: a row answers the same alone and among longer ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from seqwright.doctor.finding import Check, Counterexample, Finding
from seqwright.doctor.localise import watched
from seqwright.doctor.model_under_test import Body, ModelUnderTest
from seqwright.doctor.modes import Mode
from seqwright.doctor.reading import ModelInput, Words, padded
from seqwright.nn.padding import OrdinaryPadding

PADDING_LEAK = Check(
    "padding-leak",
    "A row's answer changes with the padding beside it: padding is looked at, or shifts positions.",
    "look for a padding mask that is not passed on (to every layer), for its polarity, and for positions counted from the rectangle's edge",
)
CROSS_PADDING_LEAK = Check(
    "cross-padding-leak",
    "The decoder looks at the source's padding: the encoder leaves real tokens as they are, and the answer changes all the same.",
    "look at the mask of cross attention: it has to be the source's padding mask (memory_key_padding_mask), not the target's",
)
PADDING_POLARITY = Check(
    "padding-polarity",
    "The padding mask works the wrong way round: where there is padding, real tokens are hidden and padding is seen.",
    "look at what True means: in key_padding_mask it hides, in scaled_dot_product_attention and Hugging Face's masks it shows",
)


def sides(patient: ModelUnderTest) -> tuple[str, ...]:
    """Where padding may stand."""
    side = patient.contract.padding_side
    return ("right", "left") if side == "both" else (side,)


def padded_readings(patient: ModelUnderTest) -> list[tuple[str, ModelInput]]:
    """Rows of three lengths, padded on each side that may be; where there is a source, first that and then the target."""
    pad, contract = patient.contract.pad, patient.contract
    if pad is None:
        return []
    found = []
    for side in sides(patient):
        rows = [
            words[: patient.length(n)]
            for words, n in zip(Words(contract, 10).draw(3, patient.length(8)).tolist(), (8, 5, 3), strict=True)
        ]
        ids, mask = padded(rows, pad, side)
        if contract.kind == "encoder-decoder":
            other = Words(contract, 11).draw(3, patient.length(6))
            found.append((side, ModelInput(other, None, ids, mask)))
            if (
                side == "right" or contract.padding_side == "both"
            ):  # targets are padded where they end, unless both is said
                found.append((f"{side} target", ModelInput(ids, mask, other)))
        else:
            found.append((side, ModelInput(ids, mask)))
    return found


def padding(patient: ModelUnderTest) -> Iterator[Finding]:
    """``padding-leak``, ``cross-padding-leak`` and ``padding-polarity``."""
    checks = (PADDING_LEAK, CROSS_PADDING_LEAK, PADDING_POLARITY)
    if patient.contract.kind != "encoder-decoder":
        checks = (PADDING_LEAK, PADDING_POLARITY)
    if patient.contract.pad is None:
        for check in checks:
            yield check.not_examined(
                "The contract names no padding: give pad=… and rows of unequal lengths are compared with each alone."
            )
        return
    worst = None
    for body in patient.bodies:
        for mode in patient.modes:
            for side, reading in padded_readings(patient):
                worst = worst or _leak(body, mode, side, reading)
    named = {}
    if worst is not None:
        named = _named(patient, *worst)
    for check in checks:
        told = "Rows answer the same alone and among longer ones."
        yield named.get(check.name) or (
            check.passed(told) if not named else check.not_examined(f"Padding is seen: {next(iter(named))}.")
        )


def alone_of(reading: ModelInput, row: int) -> tuple[ModelInput, Tensor]:
    """A row without its padding, and where its real outputs are among the padded ones."""
    real = torch.ones(reading.ids.shape[1], dtype=torch.bool) if reading.mask is None else reading.mask[row]
    source = None if reading.source is None else reading.source[row : row + 1]
    if source is not None and reading.source_mask is not None:
        source = source[:, reading.source_mask[row]]
    return ModelInput(reading.ids[row : row + 1, real], None, source), real


def _leak(
    body: Body, mode: Mode, side: str, reading: ModelInput
) -> tuple[Body, Mode, str, ModelInput, int, int, float, float] | None:
    """The first padded row whose answer is not what it is alone, beyond what another shape alone does."""
    said = body.logits(reading, mode)
    full, _ = alone_of(reading, 0)  # the longest row has no padding: what moves it is the shape
    noise = (body.logits(full, mode)[0] - said[0]).abs().nan_to_num(0.0).max().item()
    tolerance = max(body.tolerance(0.0, mode), min(20 * noise, 1e-3 * body.scale(mode)))
    for row in range(1, reading.rows):
        alone, real = alone_of(reading, row)
        moved = (body.logits(alone, mode)[0] - said[row, real]).abs()
        if moved.isnan().any() or moved.max() > tolerance:
            moved = moved.nan_to_num(float("inf"))
            place = int(moved.amax(-1).argmax())
            return body, mode, side, reading, row, place, moved.max().item(), tolerance
    return None


def _named(
    patient: ModelUnderTest,
    body: Body,
    mode: Mode,
    side: str,
    reading: ModelInput,
    row: int,
    place: int,
    moved: float,
    tolerance: float,
) -> dict[str, Finding]:
    """Which of the three it is."""
    alone, real = alone_of(reading, row)
    at = int(real.nonzero()[:, 0][place])
    one, other = body.logits(alone, mode)[0, place], body.logits(reading, mode)[row, at]
    example = Counterexample.between(
        alone.sides(0),
        reading.sides(row),
        one,
        other,
        differ="among longer rows",
        at=f"the row's token {place} ({mode.name}, {body.name})",
    )
    check = PADDING_LEAK
    if _inverted(body, mode, reading, row):
        check = PADDING_POLARITY
    elif reading.source_mask is not None and _encoder_is_clean(body, mode, alone, reading.select(torch.tensor([row]))):
        check = CROSS_PADDING_LEAK
    return {
        check.name: check.failed(
            f"{side} padding; {mode.name}; {body.name}",
            {"moved": moved, "threshold": tolerance},
            example,
            edit=_edit(patient),
        )
    }


def _edit(patient: ModelUnderTest) -> dict[str, object]:
    return (
        {"padding": {"type": "MaskedPadding"}}
        if isinstance(getattr(patient.spec, "padding", None), OrdinaryPadding)
        else {}
    )


def _inverted(body: Body, mode: Mode, reading: ModelInput, row: int) -> bool:
    """Whether a padded row's answers no longer depend on its other real tokens, though alone they do."""
    words = Words(body.contract, 12)
    if not body.logits(reading, mode)[row].isfinite().all():
        return False  # what is no number depends on nothing
    single = reading.select(torch.tensor([row]))
    alone, real = alone_of(reading, row)
    if reading.source_mask is not None:
        assert single.source is not None
        assert single.source_mask is not None
        assert alone.source is not None
        changed = torch.where(single.source_mask, words.other(single.source), single.source)
        hears = body.moved(single, replace(single, source=changed), mode).max()
        heard = body.moved(alone, replace(alone, source=words.other(alone.source)), mode).max()
        return bool(heard > body.tolerance(0, mode)) and not bool(hears > body.tolerance(0, mode))
    places = real.nonzero()[:, 0]
    last = int(places[-1])
    first = places[:-1]
    changed = single.ids.clone()
    changed[0, first] = words.other(single.ids[0, first])
    hears = body.moved(single, single.with_ids(changed), mode)[0, last]
    bare = alone.ids.clone()
    bare[0, :-1] = words.other(alone.ids[0, :-1])
    heard = body.moved(alone, alone.with_ids(bare), mode)[0, -1]
    return bool(heard > body.tolerance(0, mode)) and not bool(hears > body.tolerance(0, mode))


def _encoder_is_clean(body: Body, mode: Mode, alone: ModelInput, single: ModelInput) -> bool:
    """Whether everything that is computed of the source alone is the same at its real tokens, with padding and without.

    Judged by the last module that gives a tensor as long as the source before one as long as the target comes.
    """
    assert alone.source is not None
    assert single.source is not None
    assert single.source_mask is not None
    short, long, target = alone.source.shape[1], single.source.shape[1], single.ids.shape[1]
    if len({short, long, target}) < 3:
        return False
    try:
        one, other = watched(body, alone, mode), watched(body, single, mode)
    except Exception:
        return False
    real = single.source_mask[0]
    last = None
    for (name, _, gave), (name_too, _, gave_too) in zip(one, other, strict=False):
        if name != name_too:
            break
        for x, y in zip(gave, gave_too, strict=False):
            if any(size == target for size in x.shape[:-1]):
                return last is not None and last < 1e-6
            along = next((axis for axis in range(x.ndim - 1) if x.shape[axis] == short and y.shape[axis] == long), None)
            if along is None or x.ndim != 3:
                continue
            kept = y.index_select(along, real.nonzero()[:, 0])
            if kept.shape == x.shape:  # else its other axes are places too
                last = (x - kept).abs().max().item()
    return last is not None and last < 1e-6
