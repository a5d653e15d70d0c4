"""Subjects of examinations, and an expert's diagnosis of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from seqwright.doctor.contract import Contract


@dataclass(frozen=True)
class Subject:
    """A model to examine, with all that its user would give.

    Attributes:
        model: the module.
        contract: what it promises.
        extras: whichever of ``call``, ``step``, ``loss``, ``generate`` and ``examples`` its user has.
    """

    model: nn.Module
    contract: Contract
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A recipe for a subject, and its diagnosis.

    Attributes:
        name: base and what is odd, as in ``gpt/unmasked-last-layer``.
        base: which base model.
        fault: the check that should name it; ``None`` where it is healthy.
        build: the subject, its parameters drawn from a seed.
        also: checks that may name it just as rightly.
    """

    name: str
    base: str
    fault: str | None
    build: Callable[[int], Subject]
    also: frozenset[str] = frozenset()


def case(name: str, fault: str | None, build: Callable[[int], Subject], *also: str) -> Case:
    """Make a case whose base is the first part of its name, and whose parameters follow from the seed alone."""

    def drawn(seed: int) -> Subject:
        torch.manual_seed(seed)
        return build(seed)

    return Case(name, name.partition("/")[0], fault, drawn, frozenset(also))
