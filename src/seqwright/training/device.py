"""Devices and number formats."""

from __future__ import annotations

from typing import Literal

import torch

from seqwright.core.errors import SeqwrightError

WIDE = 128
"""The width from which matrix products take most of a step."""


def precision_for(device: str, width: int) -> Literal["float32", "bfloat16"]:
    """Return ``bfloat16`` where the device multiplies it in hardware and the model is wide enough to gain from it."""
    if width < WIDE:
        return "float32"
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    instructions = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return "bfloat16" if any(supported() for supported in instructions if supported) else "float32"


def checked_device(device: str) -> str:
    """Return the device if this machine has it.

    Raises:
        SeqwrightError: it is neither ``cpu`` nor ``cuda``, or there is no CUDA here.
    """
    if device not in ("cpu", "cuda"):
        raise SeqwrightError(f"--device {device} is not known", fix="give cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise SeqwrightError("--device cuda: torch finds no CUDA device here", fix="leave --device out to use the CPU")
    return device


def available_device(device: str) -> str:
    """Return the device on which a run continues: its own, or the CPU where there is no CUDA."""
    return device if device == "cpu" or torch.cuda.is_available() else "cpu"
