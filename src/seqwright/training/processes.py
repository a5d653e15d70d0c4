"""Several processes that train one model on their shares of every batch (``torchrun --nproc-per-node 2 …``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqwright.data.batch import Batch
from seqwright.training.objective import ObjectiveSpec
from seqwright.training.trainer import SingleModel, total_count


@dataclass(frozen=True)
class Processes:
    """Who trains together: this process is number ``rank`` of ``of``. The first one writes and speaks."""

    rank: int = 0
    of: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def trainable(self, model: nn.Module) -> SingleModel:
        """The model, as this process trains it."""
        return SingleModel(model) if self.of == 1 else Replica(model, self.of)

    def agree(self, value: float) -> float:
        """The first process's value, in every process."""
        if self.of == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(box, 0)
        return box.item()

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Everybody's tensor, in every process, by rank."""
        if self.of == 1:
            return [tensor]
        boxes = [torch.empty_like(tensor) for _ in range(self.of)]
        dist.all_gather(boxes, tensor)
        return boxes


def is_main_process() -> bool:
    """Whether this process is the first, or alone: the one that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def is_distributed() -> bool:
    """Whether ``torchrun`` started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: str) -> Iterator[tuple[Processes, str]]:
    """The processes that ``torchrun`` started (or this one alone), and the device that is this one's."""
    if not is_distributed():
        yield Processes(), device
        return
    place = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        device = f"cuda:{place}"
        torch.cuda.set_device(place)
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
        super().__init__(DistributedDataParallel(model))
        self.of = of

    def count(self, batches: list[Batch], objective: ObjectiveSpec) -> Tensor:
        mine = total_count(batches, objective)
        dist.all_reduce(mine)
        return mine

    def losses(self, batch: Batch, objective: ObjectiveSpec, count: Tensor) -> Tensor:
        return super().losses(batch, objective, count) * self.of

    def gathered(self, losses: Tensor) -> Tensor:
        whole = losses / self.of
        dist.all_reduce(whole)
        return whole
