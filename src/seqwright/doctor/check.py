"""Checks, and the place that groups of checks take."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
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
        fault: what is wrong with a model that fails.
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
        evidence: dict[str, float | str],
        counterexample: Counterexample | None = None,
        *,
        because: str = "",
        edit: dict[str, Any] | None = None,
        only_warn: bool = False,
    ) -> Finding:
        """Make the finding of a fault; with ``only_warn``, of something that may be intended."""
        return Finding(
            check=self.name,
            verdict="warn" if only_warn else "fail",
            explanation=f"{self.fault} {because}".strip(),
            where=where,
            evidence={name: json_number(value) for name, value in evidence.items()},
            counterexample=counterexample,
            remedy=Remedy(fix=self.fix, edit=edit or {}),
        )

    def passed(self, explanation: str, **evidence: float | str) -> Finding:
        """Make the finding that no fault was seen."""
        measured = {name: json_number(value) for name, value in evidence.items()}
        return Finding(check=self.name, verdict="pass", explanation=explanation, evidence=measured)

    def inconclusive(self, reason: str, **evidence: float | str) -> Finding:
        """Make the finding that the model does not allow a verdict."""
        measured = {name: json_number(value) for name, value in evidence.items()}
        return Finding(check=self.name, verdict="inconclusive", explanation=reason, evidence=measured)

    def not_examined(self, missing: str) -> Finding:
        """Make the finding that something is missing that the check needs."""
        return Finding(check=self.name, verdict="not-examined", explanation=missing)


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

    @property
    def title(self) -> str:
        """The names of its checks."""
        return ", ".join(check.name for check in self.checks)


def check_groups() -> list[CheckGroup]:
    """Return one of each group that is known, in the order in which they run."""
    return [kind() for kind in sorted(kinds(CheckGroup).values(), key=lambda kind: kind.order)]
