"""Tasks that separate the parts of a model: each is a small value that draws its sources and knows their answers."""

from __future__ import annotations

from seqwright.tasks.algorithmic.copying import Copy, MissingDuplicate, Reverse, SelectiveCopy, UniqueCopy
from seqwright.tasks.algorithmic.counting import BucketSort, CycleNavigation, Histogram, Majority, Parity
from seqwright.tasks.algorithmic.lookup import AssociativeRecall, EvenPairs, Hops, Induction
from seqwright.tasks.algorithmic.structure import Dyck, ReversedAddition
from seqwright.tasks.algorithmic.task import Task

TaskSpec = (
    Copy
    | UniqueCopy
    | Reverse
    | MissingDuplicate
    | SelectiveCopy
    | EvenPairs
    | AssociativeRecall
    | Induction
    | Hops
    | Parity
    | CycleNavigation
    | Majority
    | Histogram
    | BucketSort
    | ReversedAddition
    | Dyck
)

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
    "TaskSpec",
    "UniqueCopy",
]
