"""The same pieces on a Ray cluster: an optional extra, for those who have more machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.studies.cell import CellResult, train_cell
from seqwright.studies.executor import TRIES, WorkUnit

PATIENCE = 1.0
"""Seconds between two looks at a cluster."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a Ray cluster.

    Ray schedules the pieces, a core (or a GPU) each, and does a piece again whose worker died, as often as processes here
    are tried. What a piece results in is kept by the study, so a cluster that is lost loses no finished piece.

    Attributes:
        address: as ``ray.init`` takes it: ``auto``, ``HOST:PORT``, ``ray://HOST:PORT``; ``local`` starts one here.
        workers: with ``local``, how many.
    """

    address: str
    workers: int | None = None

    def finished(
        self, pieces: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, CellResult]]:
        ray = _ray()
        try:
            if self.address == "local":
                ray.init(num_cpus=self.workers, include_dashboard=False, log_to_driver=False)
            else:
                ray.init(address=self.address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise SeqwrightError(
                f"there is no Ray cluster at {self.address}: {error}".splitlines()[0],
                fix="start one with `ray start --head`, or leave --ray out",
            ) from error
        needs = {"num_cpus": 1, "num_gpus": int(device.startswith("cuda"))}
        do = ray.remote(max_retries=TRIES - 1, **needs)(_do)
        try:
            ordered = sorted(pieces, key=lambda piece: -piece.work)
            running = {do.remote(piece, device): piece for piece in ordered}
            while running:
                ended, _ = ray.wait(list(running), timeout=PATIENCE)
                for reference in ended:
                    yield running.pop(reference), _result(ray, reference)
                tick(0)
        finally:
            ray.shutdown()


def _do(piece: WorkUnit, device: str) -> CellResult:
    import torch

    torch.set_num_threads(1)
    return train_cell(piece.cell, piece.seeds, device)


def _result(ray: Any, reference: Any) -> CellResult:
    try:
        return ray.get(reference)
    except ray.exceptions.WorkerCrashedError as error:
        raise SeqwrightError(
            f"a worker of the cluster died {TRIES} times on the same piece",
            fix="it may need more memory than a worker has",
        ) from error


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise SeqwrightError("--ray needs Ray", fix="install seqwright[ray]") from error
