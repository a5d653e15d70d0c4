"""Where to train."""

from __future__ import annotations

import torch

from seqwright.core.errors import SeqwrightError


def checked_device(device: str) -> str:
    """The device, if this machine has it.

    Raises:
        SeqwrightError: it is neither ``cpu`` nor ``cuda``, or there is no CUDA here.
    """
    if device not in ("cpu", "cuda"):
        raise SeqwrightError(f"--device {device} is not known", mend="give cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise SeqwrightError("--device cuda: torch finds no CUDA device here", mend="leave --device out to use the CPU")
    return device
