"""Algorithmic tasks, each of which needs particular parts of a model."""

from __future__ import annotations

from seqwright.tasks.algorithmic.copying import Copy, MissingDuplicate, Reverse, SelectiveCopy, UniqueCopy
from seqwright.tasks.algorithmic.counting import BucketSort, CycleNavigation, Histogram, Majority, Parity
from seqwright.tasks.algorithmic.lookup import AssociativeRecall, EvenPairs, Hops, Induction
from seqwright.tasks.algorithmic.structure import Dyck, ReversedAddition
from seqwright.tasks.task import Task

__all__ = [
    "AssociativeRecall",
    "BucketSort",
    "Copy",
    "CycleNavigation",
    "Dyck",
    "EvenPairs",
    "Histogram",
    "Hops",
    "Induction",
    "Majority",
    "MissingDuplicate",
    "Parity",
    "Reverse",
    "ReversedAddition",
    "SelectiveCopy",
    "Task",
    "UniqueCopy",
]
