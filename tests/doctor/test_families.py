"""A family from outside the package is examined like our own, and so is a check."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqwright.core.model import build
from seqwright.core.place import Place
from seqwright.core.spec import Spec
from seqwright.doctor import examine
from seqwright.doctor.adapters import with_positions
from seqwright.doctor.check import check_groups
from seqwright.doctor.remedies import curing
from tests.doctor.gru import GRU, GRUSpec, GRUState


def loss(model: GRU, examples: dict[str, Tensor]) -> Tensor:
    source, target = examples["source"], examples["target"]
    pad = model.spec.vocabulary - 1
    inputs, labels = target[:, :-1], target[:, 1:]
    state = model.start(with_positions(source, source != pad))
    output, _ = model.advance(with_positions(inputs, inputs != pad), state)
    return F.cross_entropy(output.logits.flatten(0, 1), labels.flatten(), ignore_index=pad)


EXAMPLES = {
    "source": torch.tensor([[1, 2, 3, 4], [5, 6, 11, 11]]),
    "target": torch.tensor([[9, 4, 3, 2, 10], [9, 6, 10, 11, 11]]),
}


def test_a_familys_contract_is_read_off_its_spec_and_a_healthy_model_passes():
    report = examine(build(GRUSpec()), loss=loss, examples=EXAMPLES)
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


class ReadsTheFuture(GRU):
    """Each token is mixed with the next one."""

    def read(self, x: Tensor) -> Tensor:
        return x + torch.cat([x[:, 1:], x[:, -1:]], 1)


class Unselected(GRUState):
    """A state whose rows stay as they are."""

    def select(self, rows: Tensor) -> GRUState:
        return self


class Unrewound(GRUState):
    """A state that cannot go back."""

    def rewind(self, lengths: Tensor) -> GRUState:
        return self


def with_state(state: type[GRUState]) -> GRU:
    class Faulty(GRU):
        def start(self, source, probe=None):
            found = super().start(source)
            return state(found.memory, found.real, found.hidden)

    model = build(GRUSpec())
    model.__class__ = Faulty
    return model


def test_a_familys_model_that_reads_the_future_is_found():
    model = build(GRUSpec())
    model.__class__ = ReadsTheFuture
    report = examine(model)
    assert [finding.check for finding in report.failed] == ["future-leak"]


def test_a_state_that_ignores_select_or_rewind_is_found():
    for state, where in ((Unselected, "selected in another order"), (Unrewound, "rewound")):
        report = examine(with_state(state))
        assert [finding.check for finding in report.failed] == ["cache-mismatch"], report.text()
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
