"""Execution of work units on a Ray cluster: an optional extra, for several machines."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from seqwright.core.errors import SeqwrightError
from seqwright.core.imports import files_of_classes, import_module_of_parts
from seqwright.studies.cell import train_cell
from seqwright.studies.executor import TRIES, WorkUnit
from seqwright.studies.table import ResultTable

PATIENCE = 1.0
"""Seconds between two polls of a cluster."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a Ray cluster.

    Ray schedules the units, a core (or a GPU) each, and does a unit again whose worker died, at most as often as
    :class:`seqwright.studies.executor.LocalExecutor` does. The study keeps finished units, so a lost cluster loses none.
    Files of a user's own parts must lie at the same path on every machine.

    Attributes:
        address: as ``ray.init`` takes it: ``auto``, ``HOST:PORT``, ``ray://HOST:PORT``; ``local`` starts one here.
        workers: their number, with ``local``.
    """

    address: str
    workers: int | None = None

    def finished(
        self, units: Sequence[WorkUnit], device: str, tick: Callable[[float], None]
    ) -> Iterator[tuple[WorkUnit, ResultTable]]:
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
            ordered = sorted(units, key=lambda unit: -unit.work)
            files = files_of_classes(units)
            running = {do.remote(ray.cloudpickle.dumps(unit), device, files): unit for unit in ordered}
            while running:
                ended, _ = ray.wait(list(running), timeout=PATIENCE)
                for reference in ended:
                    yield running.pop(reference), _result(ray, reference)
                tick(0)
        finally:
            ray.shutdown()


def _do(pickled: bytes, device: str, files: Sequence[str]) -> ResultTable:
    import torch

    torch.set_num_threads(1)
    for file in files:
        import_module_of_parts(file)
    unit: WorkUnit = pickle.loads(pickled)
    return train_cell(unit.cell, unit.seeds, device)


def _result(ray: Any, reference: Any) -> ResultTable:
    try:
        return ray.get(reference)
    except ray.exceptions.WorkerCrashedError as error:
        raise SeqwrightError(
            f"a worker of the cluster died {TRIES} times on the same work unit",
            fix="it may need more memory than a worker has",
        ) from error


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise SeqwrightError("--ray needs Ray", fix="install seqwright[ray]") from error
