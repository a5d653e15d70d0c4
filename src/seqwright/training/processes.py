"""Several processes that train one model on their shares of every batch (``torchrun --nproc-per-node 2 …``)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqwright.data.batch import Batch
from seqwright.training.objective import Objective
from seqwright.training.trainer import SingleModel


@dataclass(frozen=True)
class Processes:
    """The processes that train together: this one is number ``rank`` of ``of``."""

    rank: int = 0
    of: int = 1

    @property
    def is_main(self) -> bool:
        """True in the process that writes files and output."""
        return self.rank == 0

    def trainable(self, model: nn.Module) -> SingleModel:
        """Return the model as this process trains it."""
        return SingleModel(model) if self.of == 1 else Replica(model, self.of)

    def broadcast(self, value: float) -> float:
        """Return the main process's value in every process."""
        if self.of == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(box, 0)
        return box.item()

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, by rank, in every process."""
        if self.of == 1:
            return [tensor]
        boxes = [torch.empty_like(tensor) for _ in range(self.of)]
        dist.all_gather(boxes, tensor)
        return boxes


def is_main_process() -> bool:
    """Return whether this process writes files and output: it is alone, or the first."""
    return os.environ.get("RANK", "0") == "0"


def is_distributed() -> bool:
    """Return whether ``torchrun`` started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def process_group(device: str) -> Iterator[tuple[Processes, str]]:
    """Join the processes that ``torchrun`` started (or this one alone); yield them and the device of this one."""
    if not is_distributed():
        yield Processes(), device
        return
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        device = f"cuda:{local_rank}"
        torch.cuda.set_device(local_rank)
    # gloo carries what the processes agree on (on the CPU); NCCL the gradients where there are GPUs
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()


class Replica(SingleModel):
    """One process's copy of a model: takes its share of each batch; gradients are summed over all processes.

    PyTorch's wrapper takes the *mean* of the processes' gradients, so each one's loss is multiplied by their number; with
    the count taken over all, the step is the one that a single process takes with the whole batch.
    """

    def __init__(self, model: nn.Module, of: int) -> None:
        super().__init__(model)
        self.of = of

    @cached_property
    def synchronised(self) -> nn.Module:
        """The model that sums gradients; made at the first step, when it is settled which parameters are trained."""
        return DistributedDataParallel(self.model)

    def count(self, batches: list[Batch], objective: Objective) -> Tensor:
        count = super().count(batches, objective)
        dist.all_reduce(count)
        return count

    def losses(self, batch: Batch, objective: Objective, count: Tensor) -> Tensor:
        output, _ = self.synchronised(batch.target, batch.source)
        return (objective.total(output, batch.labels) / count)[None] * self.of

    def gathered(self, losses: Tensor) -> Tensor:
        whole = losses / self.of
        dist.all_reduce(whole)
        return whole


class ProcessGenerators:
    """Each process's generator of random numbers, as one part of a checkpoint: ``0`` is the main process's.

    Args:
        generator: this process's.
        processes: the processes that train together.
    """

    def __init__(self, generator: torch.Generator, processes: Processes) -> None:
        self.generator, self.processes = generator, processes
        self.reseeded = False
        """True where the state came from another kind of device, which numbers its draws otherwise."""

    def state(self) -> dict[str, Tensor]:
        """Gather the states of all processes; each must take part."""
        return {str(rank): state for rank, state in enumerate(self.processes.gather(self.generator.get_state()))}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue with this process's state; a process that has none keeps its first seed."""
        own = state["0"] if self.processes.is_main else state.get(str(self.processes.rank))
        if own is None:
            return
        self.reseeded = own.shape != self.generator.get_state().shape
        if self.reseeded:
            self.generator.manual_seed(int.from_bytes(sha256(own.numpy().tobytes()).digest()[:7]))
        else:
            self.generator.set_state(own)


def default_generator(device: str) -> torch.Generator:
    """Return torch's own generator of a device, from which also parts draw that take no generator."""
    if not device.startswith("cuda"):
        return torch.default_generator
    torch.cuda.init()
    index = torch.device(device).index
    return torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
