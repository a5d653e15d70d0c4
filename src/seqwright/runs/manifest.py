"""The manifest of a run, which decides its outcome, and its result."""

from __future__ import annotations

from seqwright.core.imports import ImportedModule
from seqwright.core.spec import Count, Spec
from seqwright.data.preprocessing import Preprocessing
from seqwright.goals.recipe import Recipe


class Source(Spec):
    """The data of a run.

    Attributes:
        path: the training file. Data from standard input or from Python are kept inside the run; the path is then relative
            to the run's folder.
        dev: the dev file, or ``None`` where dev rows were held out of ``path``.
        fingerprint, dev_fingerprint: SHA-256 of the rows.
    """

    path: str
    dev: str | None
    fingerprint: str
    dev_fingerprint: str


class Manifest(Spec):
    """Everything that decides the outcome of a run, written before the first step.

    Only the paths of ``source`` change, when a run continues with data that were moved.

    Attributes:
        limit: the maximum number of tokens of an answer.
        imports: the modules of a user's own parts that the run consists of.
    """

    seqwright: str
    torch: str
    threads: int
    command: list[str]
    seed: int
    device: str
    recipe: Recipe
    reading: Preprocessing
    source: Source
    limit: Count
    imports: tuple[ImportedModule, ...] = ()


class Result(Spec):
    """The end of a run; written when it ends."""

    why: str
    steps: int
    epochs: float
    best_step: int
    dev_loss: float | None
    dev_exact_match: float | None
    seconds: float
    notes: list[str]
