"""What a check found: a verdict, where, the numbers, the two inputs that prove it, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import msgspec
from torch import Tensor

from seqwright.core.spec import Spec

Verdict = Literal["fail", "warn", "pass", "inconclusive", "not-examined"]


class Counterexample(Spec, tag=False):
    """Two inputs that must give the same answer at one place, and do not (or must not, and do).

    Attributes:
        first, second: each input's ids, by the name of its side.
        differ: where the inputs differ.
        at: which output is compared.
        says, and_says: the first few logits there, for either input.
    """

    first: dict[str, list[int]]
    second: dict[str, list[int]]
    differ: str
    at: str
    says: list[float | str]
    and_says: list[float | str]

    @classmethod
    def between(
        cls,
        first: dict[str, list[int]],
        second: dict[str, list[int]],
        one: Tensor,
        other: Tensor,
        *,
        differ: str,
        at: str,
    ) -> Counterexample:
        """Two inputs, and the three of their logits ``[v]`` that lie furthest apart."""
        apart = (one - other).abs().nan_to_num(float("inf"))
        shown = apart.argsort(descending=True)[:3].sort().values
        return cls(
            first=first,
            second=second,
            differ=differ,
            at=f"logits {shown.tolist()} at {at}",
            says=[written(each) for each in one[shown].tolist()],
            and_says=[written(each) for each in other[shown].tolist()],
        )

    def lines(self) -> list[str]:
        """As a person reads it."""
        return [
            *(f"{side}: {ids}" for side, ids in self.first.items()),
            *(f"{side}: {ids}   ({self.differ})" for side, ids in self.second.items() if ids != self.first.get(side)),
            f"{self.at}: {_numbers(self.says)}" + (f" and then {_numbers(self.and_says)}" if self.differ else ""),
        ]


def _numbers(values: list[float | str]) -> str:
    return "[" + ", ".join(value if isinstance(value, str) else f"{value:.4g}" for value in values) + "]"


def written(value: float | str) -> float | str:
    """A number, or its name where JSON has none for it.

    >>> written(float("inf")), written(0.5)
    ('inf', 0.5)
    """
    return value if isinstance(value, str) or isfinite(value) else str(value)


class Remedy(Spec, tag=False):
    """How to mend it: in words, and for a model made of a spec as the edit (:func:`seqwright.vary`) that does it."""

    words: str
    edit: dict[str, Any] = msgspec.field(default_factory=dict)


class Finding(Spec, tag=False):
    """What one check says of a model.

    Attributes:
        check: its public name.
        verdict: ``fail``, ``warn``, ``pass``; ``inconclusive`` where the model gives the check nothing to see; ``not-examined``
            where something is missing, which ``explanation`` names.
        where: positions, modules and modes.
        evidence: what was measured, beside the noise that it is held against.
        counterexample: the inputs that prove it.
        explanation: in plain words.
        remedy: what to do.
    """

    check: str
    verdict: Verdict
    explanation: str
    where: str = ""
    evidence: dict[str, float | str] = msgspec.field(default_factory=dict)
    counterexample: Counterexample | None = None
    remedy: Remedy | None = None


@dataclass(frozen=True)
class Check:
    """A promise that a model can break.

    Attributes:
        name: public and stable.
        broken: what it means that it is broken.
        mend: the line to look for.
    """

    name: str
    broken: str
    fix: str

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
        """The promise is broken; or, with ``only_warn``, it may be meant so."""
        return Finding(
            check=self.name,
            verdict="warn" if only_warn else "fail",
            explanation=f"{self.broken} {because}".strip(),
            where=where,
            evidence={name: written(value) for name, value in evidence.items()},
            counterexample=counterexample,
            remedy=Remedy(words=self.fix, edit=edit or {}),
        )

    def passed(self, told: str, **evidence: float | str) -> Finding:
        """It is kept, as far as was looked."""
        measured = {name: written(value) for name, value in evidence.items()}
        return Finding(check=self.name, verdict="pass", explanation=told, evidence=measured)

    def inconclusive(self, why: str, **evidence: float | str) -> Finding:
        """The model gives nothing to see."""
        told = {name: written(value) for name, value in evidence.items()}
        return Finding(check=self.name, verdict="inconclusive", explanation=why, evidence=told)

    def not_examined(self, lacking: str) -> Finding:
        """Something is missing."""
        return Finding(check=self.name, verdict="not-examined", explanation=lacking)
