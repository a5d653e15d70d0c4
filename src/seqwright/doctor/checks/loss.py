"""Labels and weights of a loss, recovered from its gradient.

The gradient of a cross entropy with respect to the logits of a position is softmax minus label, so that it is negative at the label
alone. Labels are thus recovered whatever the loss does first; positions that do not count have a gradient of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch.nn.functional as F
from torch import Tensor

from seqwright.core.model import Side
from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.contract import Contract
from seqwright.doctor.examples import SIDES, side_of
from seqwright.doctor.finding import Finding
from seqwright.doctor.loss_labels import CLEAR, LossLabels, recovered_labels
from seqwright.doctor.model_input import InputSampler, pad_rows
from seqwright.doctor.model_under_test import ModelUnderTest
from seqwright.doctor.run_modes import TRAIN

TARGET_SHIFT = Check(
    "target-shift",
    "The labels are not the tokens that follow.",
    "labels have to be the inputs shifted by one (logits[:, :-1] against ids[:, 1:]), shifted once: by the data, the loss or the model, and not by two of them",
)
LABELS_WITHOUT_EOS = Check(
    "labels-without-eos",
    "The end is never a label, so that the model cannot learn to stop.",
    "look whether pad and eos are the same id and are ignored together, and whether an end is added to the targets",
)
PADDING_IN_LOSS = Check(
    "padding-in-loss",
    "Padding counts in the loss: the model is trained to predict it.",
    "give the loss ignore_index=pad (or labels of −100 there), and look at label smoothing and means over all positions",
)


class LossChecks(Spec, CheckGroup):
    """``target-shift``, ``labels-without-eos`` and ``padding-in-loss``."""

    checks = (TARGET_SHIFT, LABELS_WITHOUT_EOS, PADDING_IN_LOSS)
    order = 12

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Recover the labels of the examples."""
        if subject.loss is None:
            yield from self.none_examined(
                "Give loss(model, examples) -> scalar, and its labels are recovered from its gradient."
            )
            return
        side = "target" if subject.contract.reads_source else "ids"
        examples = subject.examples if subject.examples and side in subject.examples else made_up_examples(subject)
        found = recovered_labels(subject, subject.original, examples)
        if found is None or found.clearest() < CLEAR:
            # with smoothed labels the logit of a very confident model is lowered at the label, too
            found = recovered_labels(subject, subject.reinitialised, examples) or found
        if found is None:
            for check in self.checks:
                yield check.inconclusive("The loss does not depend on logits that can be observed.")
            return
        yield _shift(subject, found)
        yield _ends(subject, found, examples[side].cpu())
        yield _padding(subject, found, examples)


def made_up_examples(subject: ModelUnderTest) -> dict[str, Tensor]:
    """Draw rows of unequal lengths, with the beginning, end and padding of the contract."""
    contract, sampler = subject.contract, InputSampler(subject.contract, 23)
    longest = subject.length(10)
    lengths = [longest, max(3, longest - 3), max(3, longest - 5)] if contract.pad is not None else [longest] * 3

    def rows(side: Side) -> Tensor:
        own = side == "source" and contract.source is not None
        begin, end = ([] if own or each is None else [each] for each in (contract.bos, contract.eos))
        drawn = sampler.ids(3, longest, side).tolist()
        marked = [begin + row[: max(1, n - len(begin) - len(end))] + end for row, n in zip(drawn, lengths, strict=True)]
        return pad_rows(marked, contract.pad_of(side) or 0, contract.padding_sides[0])[0]

    return {"source": rows("source"), "target": rows("target")} if contract.reads_source else {"ids": rows("target")}


def _shift(subject: ModelUnderTest, found: LossLabels) -> Finding:
    """Compare the shift of the labels with the one that the contract implies."""
    agreed = found.agreement
    best = max(agreed, key=lambda shift: agreed[shift])
    evidence = {f"share shifted by {shift}": share for shift, share in agreed.items()}
    if not subject.contract.predicts_next:  # labels of an encoder may be anything (masked tokens, tags)
        if best != 0 and agreed[best] >= 0.5:
            return TARGET_SHIFT.failed(f"labels shifted by {best}", evidence)
        return TARGET_SHIFT.passed("Labels of an encoder may be anything; they are not the tokens of other positions.")
    if agreed[1] > CLEAR:
        return TARGET_SHIFT.passed("Each label is the next token.", share=agreed[1])
    if agreed[best] > CLEAR:
        because = {
            0: "Each label is the input token itself, so that the model learns to copy.",
            2: "Labels are shifted twice: each is the token after the next.",
        }
        row, position = found.counted.nonzero()[0].tolist()
        where = (
            f"the label at position {position} of {found.inputs[row].tolist()} is {int(found.labels[row, position])}"
        )
        return TARGET_SHIFT.failed(where, evidence, because=because.get(best, f"Labels are shifted by {best}."))
    return TARGET_SHIFT.inconclusive("The labels are not the input tokens at any one shift.", **evidence)


def _ends(subject: ModelUnderTest, found: LossLabels, ids: Tensor) -> Finding:
    contract = subject.contract
    if contract.eos is None or not contract.predicts_next:
        return LABELS_WITHOUT_EOS.not_examined("The contract has no end (eos=…), or the model does not generate.")
    rows = int((ids == contract.eos).any(1).sum())
    if rows == 0:
        return LABELS_WITHOUT_EOS.failed("the examples", {"ends": 0}, because="No example has an end.")
    ends = int(((found.labels == contract.eos) & found.counted).sum())
    if ends == 0:
        return LABELS_WITHOUT_EOS.failed("the loss", {"ends in the examples": rows, "labels": 0})
    return LABELS_WITHOUT_EOS.passed("The end is a label.", labels=ends)


def _padding(subject: ModelUnderTest, found: LossLabels, examples: Mapping[str, Tensor]) -> Finding:
    contract, ids = subject.contract, found.inputs
    if contract.pad is None or not (ids == contract.pad).any():
        return PADDING_IN_LOSS.not_examined(
            "There is no padding: give pad=… in the contract, and examples of unequal lengths."
        )
    bad = _counted_padding(contract, found, _real_tokens(ids, contract.pad, contract.eos))
    if bad:
        row, position = bad[0]
        share = float(found.weights[tuple(zip(*bad, strict=True))].sum() / found.weights.sum())
        evidence = {"positions": len(bad), "share of the gradient": share}
        return PADDING_IN_LOSS.failed(f"row {row}, position {position} of {ids[row].tolist()}", evidence)
    before = after = None
    if set(examples) <= set(SIDES):  # it is unknown how other tensors are to be padded
        columns = (2, 0) if contract.padding_side == "left" else (0, 2)
        longer = {name: F.pad(ids, columns, value=contract.pad_of(side_of(name))) for name, ids in examples.items()}
        before, after = (_loss_of(subject, given) for given in (examples, longer))
    if before is not None and after is not None and abs(after - before) > 1e-4 * abs(before):
        return PADDING_IN_LOSS.failed(
            "the loss of the same rows with two more columns of padding",
            {"loss": before, "with more padding": after},
            because="Padding has no labels, and yet it is counted: the mean is over all positions.",
        )
    return PADDING_IN_LOSS.passed("No position counts that is padding, or whose label is padding.")


def _counted_padding(contract: Contract, found: LossLabels, real: Tensor) -> list[tuple[int, int]]:
    """Return the counted positions whose label is padding or lies beyond the row."""
    shift, counted, length = (1 if contract.predicts_next else 0), found.counted, real.shape[1]
    bad = []
    for row, position in counted[: len(real)].nonzero().tolist():
        to = position + shift
        follows_the_row = to >= length and counted.shape[1] == length and bool(real[row, -1])
        if (to >= length or not real[row, to]) and not follows_the_row:
            bad.append((row, position))
    return bad


def _loss_of(subject: ModelUnderTest, examples: Mapping[str, Tensor]) -> float | None:
    """Return the loss of some examples; ``None`` where they cannot be read, as they may be too long."""
    assert subject.loss is not None
    copy = subject.reinitialised
    with copy.running(TRAIN) as module:
        try:
            loss = subject.loss(module, {name: ids.clone().to(copy.device) for name, ids in examples.items()})
            return loss.detach().item()
        except Exception:
            return None


def _real_tokens(ids: Tensor, pad: int, eos: int | None) -> Tensor:
    """Return the mask of real tokens. Where padding and end are one id, the first one after a row's tokens is its end."""
    real = ids != pad
    if pad == eos:
        for row in real:
            inside = row.nonzero()[:, 0]
            if len(inside) and int(inside[-1]) + 1 < len(row):
                row[inside[-1] + 1] = True
    return real
