"""A family from outside the package is examined like our own, and so is a check."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from examples.extend.gru_attention import AttendingGRU, GRUAttention
from seqwright.core.model import build
from seqwright.core.place import Place
from seqwright.core.probe import SILENT
from seqwright.core.spec import Spec
from seqwright.doctor import examine
from seqwright.doctor.adapters import with_positions
from seqwright.doctor.check import check_groups
from seqwright.doctor.remedies import curing
from seqwright.nn.recurrence import RecurrentState

MODEL = GRUAttention(width=16, dropout=0, source_symbols=12, symbols=12, outputs=11)


def loss(model: AttendingGRU, examples: dict[str, Tensor]) -> Tensor:
    source, target = examples["source"], examples["target"]
    pad = model.spec.vocabulary_size("source") - 1
    inputs, labels = target[:, :-1], target[:, 1:]
    state = model.start(with_positions(source, source != pad))
    output, _ = model.advance(with_positions(inputs, inputs != pad), state)
    return F.cross_entropy(output.logits.flatten(0, 1), labels.flatten(), ignore_index=pad)


EXAMPLES = {
    "source": torch.tensor([[1, 2, 3, 4], [5, 6, 11, 11]]),
    "target": torch.tensor([[9, 4, 3, 2, 10], [9, 6, 10, 11, 11]]),
}


def test_a_familys_contract_is_read_off_its_spec_and_a_healthy_model_passes():
    report = examine(build(MODEL), loss=loss, examples=EXAMPLES)
    assert report.healthy, report.text()
    assert not report.incomplete
    assert report.contract_inferred
    assert (report.contract.kind, report.contract.pad, report.contract.eos) == ("encoder-decoder", 11, 10)
    passed = {finding.check for finding in report.findings if finding.verdict == "pass"}
    assert passed >= {
        "future-leak", "past-blocked", "padding-leak", "cross-padding-leak", "order-blind", "source-ignored", "cache-mismatch",
        "weak-mask-fill", "untrained-part", "target-shift", "labels-without-eos", "padding-in-loss",
        "batch-mixing", "stateful", "nan", "answers-padded",
    }  # fmt: skip


class Peeking(RecurrentState):
    """A state whose recurrence mixes each token with the next one."""

    def read(self, step, x, real):
        return super().read(step, x + torch.cat([x[:, 1:], x[:, -1:]], 1), real)


class Unselected(RecurrentState):
    """A state whose rows stay in their order."""

    def select(self, rows: Tensor) -> RecurrentState:
        return super().select(torch.arange(len(rows)) % len(self.h))


class Unrewound(RecurrentState):
    """A state that cannot go back."""

    def rewind(self, lengths: Tensor) -> RecurrentState:
        return self


def with_state(state: type[RecurrentState]) -> AttendingGRU:
    class Faulty(AttendingGRU):
        def start(self, source, probe=SILENT):
            found = super().start(source, probe)
            return state(found.h, found.source)

    model = build(MODEL)
    model.__class__ = Faulty
    return model


def test_a_familys_model_that_reads_the_future_is_found():
    report = examine(with_state(Peeking))
    assert [finding.check for finding in report.failed] == ["future-leak"]


def test_a_state_that_ignores_select_or_rewind_is_found():
    for state, where in ((Unselected, "selected in another order"), (Unrewound, "rewound")):
        report = examine(with_state(state))
        assert report.failed[0].check == "cache-mismatch", report.text()
        assert where in report.of("cache-mismatch").where


class Part(Place):
    """A part of a tree."""


class Old(Spec, Part):
    """A faulty part."""


class New(Spec, Part):
    """A sound part."""


class Tree(Spec):
    """Three parts."""

    first: Part = Old()
    second: Part = Old()
    third: Part = Old()

    def build(self) -> nn.Module:
        model = nn.Identity()
        model.sound = [isinstance(part, New) for part in (self.first, self.second, self.third)]
        return model


@pytest.mark.parametrize(
    ("needed", "paths"), [([1], {"second"}), ([0, 2], {"first", "third"}), ([0, 1, 2], {"first", "second", "third"})]
)
def test_a_cure_is_the_smallest_edit_that_works(needed: list[int], paths: set[str]):
    edit = curing(Tree(), "Old", "New", lambda model: all(model.sound[part] for part in needed))
    assert set(edit) == paths


def test_where_nothing_cures_there_is_no_edit():
    assert curing(Tree(), "Old", "New", lambda model: False) == {}
    assert curing(Tree(), "Old", "NoSuchPart", lambda model: True) == {}
    assert curing(None, "Old", "New", lambda model: True) == {}


def test_groups_of_checks_run_in_a_fixed_order_and_names_are_unique():
    ours = [group for group in check_groups() if type(group).__module__.startswith("seqwright.")]
    assert [group.order for group in ours] == list(range(1, 15))
    names = [check.name for group in ours for check in group.checks]
    assert len(names) == len(set(names)) == 31
