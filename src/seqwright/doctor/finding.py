"""Findings: a verdict, its location and evidence, the inputs that prove it, and a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Literal

import msgspec
from torch import Tensor

from seqwright.core.spec import Spec

Ids = dict[str, list[int]]
"""The ids of an input, by the name of the side."""
Verdict = Literal["fail", "warn", "pass", "inconclusive", "not-examined"]


class Counterexample(Spec, tag=False):
    """Two inputs whose outputs at one position must be equal and differ, or must differ and are equal.

    Attributes:
        first, second: the ids of each input, by the name of the side.
        difference: how the inputs differ.
        output: the output that is compared.
        first_logits, second_logits: the first few logits there, for either input.
    """

    first: Ids
    second: Ids
    difference: str
    output: str
    first_logits: list[float | str]
    second_logits: list[float | str]

    @classmethod
    def between(
        cls, inputs: Sequence[Ids], logits: Sequence[Tensor], *, difference: str, output: str
    ) -> Counterexample:
        """Make one from two inputs and their logits ``[v]``, of which the three that differ most are kept."""
        apart = (logits[0] - logits[1]).abs().nan_to_num(float("inf"))
        shown = apart.argsort(descending=True)[:3].sort().values
        first, second = ([json_number(each) for each in one[shown].tolist()] for one in logits)
        return cls(inputs[0], inputs[1], difference, f"logits {shown.tolist()} at {output}", first, second)

    def lines(self) -> list[str]:
        """Return the counterexample as lines of text."""
        changed = [(side, ids) for side, ids in self.second.items() if ids != self.first.get(side)]
        return [
            *(f"{side}: {ids}" for side, ids in self.first.items()),
            *(f"{side}: {ids}   ({self.difference})" for side, ids in changed),
            f"{self.output}: {_listed(self.first_logits)}"
            + (f" against {_listed(self.second_logits)}" if self.difference else ""),
        ]


def _listed(values: list[float | str]) -> str:
    return "[" + ", ".join(value if isinstance(value, str) else f"{value:.4g}" for value in values) + "]"


def json_number(value: float | str) -> float | str:
    """Return a number as a float, or as text where JSON cannot hold it.

    >>> json_number(float("inf")), json_number(0.5)
    ('inf', 0.5)
    """
    return value if isinstance(value, str) else float(value) if isfinite(value) else str(value)


class Remedy(Spec, tag=False):
    """A fix in words; for a model built from a spec also the edit (:func:`seqwright.vary`) that makes it."""

    fix: str
    edit: dict[str, Any] = msgspec.field(default_factory=dict)


class Finding(Spec, tag=False):
    """The result of one check.

    Attributes:
        check: the name of the check.
        verdict: ``fail``, ``warn``, ``pass``; ``inconclusive`` where the model does not allow a verdict; ``not-examined``
            where something is missing, which ``explanation`` names.
        explanation: the result in a sentence or two.
        where: positions, modules and modes.
        evidence: measurements and their thresholds.
        counterexample: the inputs that prove a fault.
        remedy: a way to fix it.
    """

    check: str
    verdict: Verdict
    explanation: str
    where: str = ""
    evidence: dict[str, float | str] = msgspec.field(default_factory=dict)
    counterexample: Counterexample | None = None
    remedy: Remedy | None = None

    def details(self) -> Iterator[tuple[str, str]]:
        """Yield what was measured and how to fix it, each with a heading."""
        if self.evidence:
            values = {name: each if isinstance(each, str) else f"{each:.3g}" for name, each in self.evidence.items()}
            yield "measured", ", ".join(f"{name} {value}" for name, value in values.items())
        if self.remedy:
            yield "fix", self.remedy.fix
            if self.remedy.edit:
                yield "edit", str(self.remedy.edit)
