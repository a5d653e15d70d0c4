"""Padding: a row has the same logits alone and among longer rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.finding import Counterexample, Finding
from seqwright.doctor.localise import record_modules
from seqwright.doctor.model_input import InputSampler, ModelInput, pad_rows
from seqwright.doctor.model_under_test import ModelCopy, ModelUnderTest
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
        fault, finding = (None, None) if leak is None else _diagnosed(subject, leak)
        for check in checks:
            if fault is None:
                yield check.passed("Rows have the same logits alone and among longer ones.")
            elif check is fault and finding is not None:
                yield finding
            else:
                yield check.not_examined(f"Padding changes the output: see {fault.name}.")


def padded_batches(subject: ModelUnderTest) -> list[tuple[str, ModelInput]]:
    """Draw rows of three lengths, padded on each side that the contract allows; of the source first, then of the target."""
    contract, pad = subject.contract, subject.contract.pad
    if pad is None:
        return []
    found = []
    for side in ("right", "left") if contract.padding_side == "both" else (contract.padding_side,):
        rows = InputSampler(contract, 10).ids(3, subject.length(8)).tolist()
        ids, mask = pad_rows([row[: subject.length(n)] for row, n in zip(rows, (8, 5, 3), strict=True)], pad, side)
        if not contract.reads_source:
            found.append((side, ModelInput(ids, mask)))
            continue
        other = InputSampler(contract, 11).ids(3, subject.length(6))
        found.append((side, ModelInput(other, None, ids, mask)))
        if side == "right" or contract.padding_side == "both":  # targets are padded at their ends, unless "both"
            found.append((f"{side} target", ModelInput(ids, mask, other)))
    return found


def row_alone(batch: ModelInput, row: int) -> tuple[ModelInput, Tensor]:
    """Return a row without its padding, and the mask of its real outputs among the padded ones."""
    real = torch.ones(batch.ids.shape[1], dtype=torch.bool) if batch.mask is None else batch.mask[row]
    source = None if batch.source is None else batch.source[row : row + 1]
    if source is not None and batch.source_mask is not None:
        source = source[:, batch.source_mask[row]]
    return ModelInput(batch.ids[row : row + 1, real], None, source), real


@dataclass(frozen=True)
class PaddingLeak:
    """A padded row whose logits are not those of the row alone.

    Attributes:
        copy, mode: the copy, and the mode that it ran in.
        side: the side of the padding.
        batch, row: the padded batch and the row.
        position: the position of the row alone at which the logits differ most.
        change, tolerance: the difference there, and what counts as rounding.
    """

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
                noise = (copy.logits(full, mode)[0] - logits[0]).abs().nan_to_num(0.0).max().item()
                tolerance = max(copy.tolerance(0.0, mode), min(20 * noise, 1e-3 * copy.scale(mode)))
                for row in range(1, batch.rows):
                    alone, real = row_alone(batch, row)
                    change = (copy.logits(alone, mode)[0] - logits[row, real]).abs()
                    if change.isnan().any() or change.max() > tolerance:
                        change = change.nan_to_num(float("inf"))
                        position = int(change.amax(-1).argmax())
                        yield PaddingLeak(copy, mode, side, batch, row, position, change.max().item(), tolerance)
                        break


def _diagnosed(subject: ModelUnderTest, leak: PaddingLeak) -> tuple[Check, Finding]:
    """Return the check that a leak violates, and its finding."""
    copy, mode, batch = leak.copy, leak.mode, leak.batch
    alone, real = row_alone(batch, leak.row)
    at = int(real.nonzero()[:, 0][leak.position])
    example = Counterexample.between(
        alone.row_as_lists(0),
        batch.row_as_lists(leak.row),
        copy.logits(alone, mode)[0, leak.position],
        copy.logits(batch, mode)[leak.row, at],
        difference="among longer rows",
        output=f"the row's token {leak.position} ({mode.name}, {copy.name})",
    )
    check, single = PADDING_LEAK, batch.select(torch.tensor([leak.row]))
    if _is_inverted(leak):
        check = PADDING_POLARITY
    elif batch.source_mask is not None and _encoder_is_unaffected(copy, mode, alone, single):
        check = CROSS_PADDING_LEAK
    return check, check.failed(
        f"{leak.side} padding; {mode.name}; {copy.name}",
        {"change": leak.change, "threshold": leak.tolerance},
        example,
        edit=curing(subject.spec, "OrdinaryPadding", "MaskedPadding", lambda model: model.spec.masks_padding),
    )


def _is_inverted(leak: PaddingLeak) -> bool:
    """Return whether the padded row's logits do not depend on its other real tokens, though those of the row alone do."""
    copy, mode, batch = leak.copy, leak.mode, leak.batch
    sampler = InputSampler(copy.contract, 12)
    if not copy.logits(batch, mode)[leak.row].isfinite().all():
        return False
    single = batch.select(torch.tensor([leak.row]))
    alone, real = row_alone(batch, leak.row)
    if single.source_mask is not None:
        source, own = single.side("source"), alone.side("source")
        changed = torch.where(single.source_mask, sampler.other_than(source), source)
        padded_change = copy.change(single, replace(single, source=changed), mode).max()
        change = copy.change(alone, replace(alone, source=sampler.other_than(own)), mode).max()
    else:
        positions = real.nonzero()[:, 0]
        changed, own = single.ids.clone(), alone.ids.clone()
        changed[0, positions[:-1]] = sampler.other_than(single.ids[0, positions[:-1]])
        padded_change = copy.change(single, replace(single, ids=changed), mode)[0, int(positions[-1])]
        own[0, :-1] = sampler.other_than(alone.ids[0, :-1])
        change = copy.change(alone, replace(alone, ids=own), mode)[0, -1]
    return bool(change > copy.tolerance(0, mode)) and not bool(padded_change > copy.tolerance(0, mode))


def _encoder_is_unaffected(copy: ModelCopy, mode: RunMode, alone: ModelInput, single: ModelInput) -> bool:
    """Return whether the encoder's output at the source's real tokens is the same with padding and without.

    The encoder's output is taken to be the last tensor as long as the source, before one as long as the target.
    """
    assert single.source_mask is not None
    short, long, target = alone.side("source").shape[1], single.side("source").shape[1], single.ids.shape[1]
    if len({short, long, target}) < 3:
        return False
    try:
        first, second = record_modules(copy, alone, mode), record_modules(copy, single, mode)
    except Exception:
        return False
    real, last = single.source_mask[0].nonzero()[:, 0], None
    for (name, _, outputs), (other_name, _, padded_outputs) in zip(first, second, strict=False):
        if name != other_name:
            break
        for x, y in zip(outputs, padded_outputs, strict=False):
            if any(size == target for size in x.shape[:-1]):
                return last is not None and last < 1e-6
            along = next((axis for axis in range(x.ndim - 1) if x.shape[axis] == short and y.shape[axis] == long), None)
            if along is None or x.ndim != 3:
                continue
            kept = y.index_select(along, real)
            if kept.shape == x.shape:  # else another axis runs over positions, too
                last = (x - kept).abs().max().item()
    return last is not None and last < 1e-6
