"""Checks, and the place that groups of checks take."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from seqwright.core.place import Place, kinds
from seqwright.doctor.contract import Contract
from seqwright.doctor.finding import Counterexample, Finding, Remedy, json_number
from seqwright.doctor.model_under_test import ModelUnderTest


@dataclass(frozen=True)
class Check:
    """A property that a model can lack.

    Attributes:
        name: public and stable.
        fault: the fault of a model that fails.
        fix: where to look for the cause.
        applies: whether the check makes sense for a contract; where it does not, there is no finding.
    """

    name: str
    fault: str
    fix: str
    applies: Callable[[Contract], bool] = lambda contract: True

    def failed(
        self,
        where: str,
        evidence: Mapping[str, float | str],
        counterexample: Counterexample | None = None,
        *,
        because: str = "",
        edit: dict[str, Any] | None = None,
        only_warn: bool = False,
    ) -> Finding:
        """Make the finding of a fault; with ``only_warn``, of something that may be intended."""
        verdict, explanation = "warn" if only_warn else "fail", f"{self.fault} {because}".strip()
        remedy = Remedy(fix=self.fix, edit=edit or {})
        return Finding(self.name, verdict, explanation, where, _as_json(evidence), counterexample, remedy)

    def passed(self, explanation: str, **evidence: float | str) -> Finding:
        """Make the finding that no fault was seen."""
        return Finding(self.name, "pass", explanation, evidence=_as_json(evidence))

    def inconclusive(self, reason: str, **evidence: float | str) -> Finding:
        """Make the finding that the model does not allow a verdict."""
        return Finding(self.name, "inconclusive", reason, evidence=_as_json(evidence))

    def not_examined(self, missing: str) -> Finding:
        """Make the finding that something is missing that the check needs."""
        return Finding(self.name, "not-examined", missing)


def _as_json(evidence: Mapping[str, float | str]) -> dict[str, float | str]:
    return {name: json_number(value) for name, value in evidence.items()}


class CheckGroup(Place):
    """Checks that share their measurements.

    A group takes the place by inheriting, ``class MyChecks(Spec, CheckGroup)``; every group that has been imported takes part in
    each examination.

    Attributes:
        checks: the checks that it may report on.
        order: groups run in ascending order; the first two (1 and 2) change how all later ones run the model.
    """

    __slots__ = ()
    rooms: ClassVar[tuple[str, ...]] = ("seqwright.doctor.checks",)
    checks: ClassVar[tuple[Check, ...]] = ()
    order: ClassVar[int] = 100

    @abstractmethod
    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Yield a finding for each check that applies to the subject's contract."""

    def none_examined(self, missing: str) -> Iterator[Finding]:
        """Yield for each of its checks that something is missing."""
        return (check.not_examined(missing) for check in self.checks)

    @property
    def title(self) -> str:
        """The names of its checks."""
        return ", ".join(check.name for check in self.checks)


def check_groups() -> list[CheckGroup]:
    """Return one of each group that is known, in the order in which they run."""
    return [kind() for kind in sorted(kinds(CheckGroup).values(), key=lambda kind: kind.order)]
