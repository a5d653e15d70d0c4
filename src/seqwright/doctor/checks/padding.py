"""Padding: a row has the same logits alone and among longer rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqwright.core.model import Side
from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.finding import Counterexample, Finding
from seqwright.doctor.localise import floating, record_modules
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest, differences
from seqwright.doctor.remedies import curing
from seqwright.doctor.run_modes import RunMode

PADDING_LEAK = Check(
    "padding-leak",
    "A row's output changes with its padding: padding is attended to, or shifts positions.",
    "look for a padding mask that is not passed on (to every layer), for its polarity, and for positions counted from the edge of the batch",
)
CROSS_PADDING_LEAK = Check(
    "cross-padding-leak",
    "The decoder attends to the source's padding: the encoder's output at real tokens does not change, and the logits do.",
    "look at the mask of cross attention: it has to be the source's padding mask (memory_key_padding_mask), not the target's",
    applies=lambda contract: contract.reads_source,
)
PADDING_POLARITY = Check(
    "padding-polarity",
    "The padding mask is inverted: where there is padding, real tokens are hidden and padding is attended to.",
    "look at what True means: in key_padding_mask it hides, in scaled_dot_product_attention and Hugging Face's masks it shows",
)


class PaddingChecks(Spec, CheckGroup):
    """``padding-leak``, ``cross-padding-leak`` and ``padding-polarity``."""

    checks = (PADDING_LEAK, CROSS_PADDING_LEAK, PADDING_POLARITY)
    order = 6

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Compare rows of three lengths with each of them alone."""
        checks = [check for check in self.checks if check.applies(subject.contract)]
        if subject.contract.pad is None:
            for check in checks:
                yield check.not_examined(
                    "The contract has no padding: give pad=… and rows of unequal lengths are compared with each alone."
                )
            return
        leak = next(_leaks(subject), None)
        finding = None if leak is None else _diagnosed(subject, leak)
        for check in checks:
            if finding is None:
                yield check.passed("Rows have the same logits alone and among longer ones.")
            elif check.name == finding.check:
                yield finding
            else:
                yield check.not_examined(f"Padding changes the output: see {finding.check}.")


def padded_batches(subject: ModelUnderTest) -> list[tuple[str, ModelInput]]:
    """Draw rows of three lengths, padded on each side that the contract allows; of the source first, then of the target."""
    contract, found = subject.contract, []
    if contract.pad is None:
        return []

    def whole(side: Side) -> Tensor:
        return InputSampler(contract, 11).ids(3, subject.length(6), side)

    def padded(side: Side, end: str) -> tuple[Tensor, Tensor]:
        rows = InputSampler(contract, 10).ids(3, subject.length(8), side).tolist()
        shorter = [row[: subject.length(n)] for row, n in zip(rows, (8, 5, 3), strict=True)]
        return pad_rows(shorter, contract.pad_of(side) or 0, end)

    for end in contract.padding_sides:
        if contract.reads_source:
            found.append((end, ModelInput(whole("target"), None, *padded("source", end))))
        if (
            not contract.reads_source or "right" in contract.padding_sides
        ):  # targets are padded at their ends, unless "both"
            name, source = (f"{end} target", whole("source")) if contract.reads_source else (end, None)
            found.append((name, ModelInput(*padded("target", end), source)))
    return found


def row_alone(batch: ModelInput, row: int) -> tuple[ModelInput, Tensor]:
    """Return a row without its padding, and the mask of its real outputs among the padded ones."""
    real = torch.ones(batch.ids.shape[1], dtype=torch.bool) if batch.mask is None else batch.mask[row]
    source = None if batch.source is None else batch.source[row : row + 1]
    if source is not None and batch.source_mask is not None:
        source = source[:, batch.source_mask[row]]
    return ModelInput(batch.ids[row : row + 1, real], None, source), real


def alone_and_padded(copy: ModelCopy, mode: RunMode, batch: ModelInput, row: int, position: int) -> Counterexample:
    """Make a counterexample of a row alone and among longer ones, at a position of the row alone."""
    alone, real = row_alone(batch, row)
    at = int(real.nonzero()[position, 0])
    inputs = alone.row_as_lists(), batch.row_as_lists(row)
    logits = copy.logits(alone, mode)[0, position], copy.logits(batch, mode)[row, at]
    output = f"the row's token {position} ({mode.name}, {copy.name})"
    return Counterexample.between(inputs, logits, difference="among longer rows", output=output)


@dataclass(frozen=True)
class PaddingLeak:
    """A padded row whose logits are not those of the row alone: the greatest change, its position in that row, and the tolerance."""

    copy: ModelCopy
    mode: RunMode
    side: str
    batch: ModelInput
    row: int
    position: int
    change: float
    tolerance: float


def _leaks(subject: ModelUnderTest) -> Iterator[PaddingLeak]:
    """Yield the first padded row of each batch that differs from the row alone by more than another shape makes it differ."""
    for copy in subject.copies:
        for mode in subject.modes:
            for side, batch in padded_batches(subject):
                logits = copy.logits(batch, mode)
                full, _ = row_alone(batch, 0)  # the longest row has no padding: only the shape changes
                noise = differences(copy.logits(full, mode)[0], logits[0]).max().item()
                tolerance = max(copy.tolerance(0.0, mode), min(20 * noise, 1e-3 * copy.scale(mode)))
                for row in range(1, batch.rows):
                    alone, real = row_alone(batch, row)
                    change = (copy.logits(alone, mode)[0] - logits[row, real]).abs()
                    if change.isnan().any() or change.max() > tolerance:
                        change = change.nan_to_num(float("inf"))
                        position = int(change.amax(-1).argmax())
                        yield PaddingLeak(copy, mode, side, batch, row, position, change.max().item(), tolerance)
                        break


def _diagnosed(subject: ModelUnderTest, leak: PaddingLeak) -> Finding:
    """Return the finding of a leak, of the check that it violates."""
    copy, mode, batch = leak.copy, leak.mode, leak.batch
    check, alone, padded = PADDING_LEAK, row_alone(batch, leak.row)[0], batch.row(leak.row)
    if _is_inverted(leak):
        check = PADDING_POLARITY
    elif batch.source_mask is not None and _encoder_is_unaffected(copy, mode, alone, padded):
        check = CROSS_PADDING_LEAK
    return check.failed(
        f"{leak.side} padding; {mode.name}; {copy.name}",
        {"change": leak.change, "threshold": leak.tolerance},
        alone_and_padded(copy, mode, batch, leak.row, leak.position),
        edit=curing(subject.spec, "OrdinaryPadding", "MaskedPadding", lambda model: model.spec.masks_padding),
    )


def _is_inverted(leak: PaddingLeak) -> bool:
    """Return whether the padded row's logits do not depend on its other real tokens, though those of the row alone do."""
    copy, mode = leak.copy, leak.mode
    if not copy.logits(leak.batch, mode)[leak.row].isfinite().all():
        return False
    sampler, side = InputSampler(copy.contract, 12), "source" if leak.batch.source_mask is not None else "target"
    padded_change, change = (
        _change_by_others(copy, mode, row, side, sampler)
        for row in (leak.batch.row(leak.row), row_alone(leak.batch, leak.row)[0])
    )
    return change > copy.tolerance(0, mode) >= padded_change


def _change_by_others(copy: ModelCopy, mode: RunMode, row: ModelInput, side: Side, sampler: InputSampler) -> float:
    """Return the change when real tokens are replaced: all of the source, or those of the target before the last, at the last."""
    ids, mask = row.side(side), row.source_mask if side == "source" else row.mask
    at = torch.arange(ids.shape[1]) if mask is None else mask[0].nonzero()[:, 0]
    replaced, outputs = (at, slice(None)) if side == "source" else (at[:-1], at[-1:])
    changed = ids.clone()
    changed[0, replaced] = sampler.other_than(ids[0, replaced], side)
    return copy.change(row, row.with_side(side, changed), mode)[0, outputs].max().item()


def _encoder_is_unaffected(copy: ModelCopy, mode: RunMode, alone: ModelInput, padded: ModelInput) -> bool:
    """Return whether the encoder's output at the source's real tokens is the same with padding and without.

    The encoder's output is taken to be the last tensor as long as the source, before one as long as the target.
    """
    assert padded.source_mask is not None
    short, long, target = alone.side("source").shape[1], padded.side("source").shape[1], padded.ids.shape[1]
    if len({short, long, target}) < 3:
        return False
    try:
        first, second = record_modules(copy, alone, mode), record_modules(copy, padded, mode)
    except Exception:
        return False
    real, last = padded.source_mask[0].nonzero()[:, 0], None
    for (name, _, output), (other_name, _, padded_output) in zip(first, second, strict=False):
        if name != other_name:
            break
        for x, y in zip(floating(output), floating(padded_output), strict=False):
            if any(size == target for size in x.shape[:-1]):
                return last is not None and last < 1e-6
            along = next((axis for axis in range(x.ndim - 1) if x.shape[axis] == short and y.shape[axis] == long), None)
            if along is None or x.ndim != 3:
                continue
            kept = y.index_select(along, real)
            if kept.shape == x.shape:  # else another axis runs over positions, too
                last = (x - kept).abs().max().item()
    return last is not None and last < 1e-6
