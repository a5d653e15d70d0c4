"""Weights in one byte each: their share of their row's greatest, in 255ths."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

Array = NDArray[Any]
LEVEL = 6
"""zlib's: higher ones take several times as long for a percent or two."""


@dataclass(frozen=True, eq=False)
class Squeezed:
    """Weights as shares of their rows' greatest; no weight is off by more than greatest / 510 (and a float's rounding).

    Attributes:
        shares: ``[… q k]``, in 255ths.
        greatest: ``[… q]``.
    """

    shares: UInt8[Array, "*heads q k"]
    greatest: Float[Array, "*heads q"]


def squeezed(weights: Float[Array, "*heads q k"]) -> Squeezed:
    """Weights from 0 on in one byte each.

    >>> squeezed(np.array([[0.0, 0.5, 0.25]])).shares.tolist()
    [[0, 255, 128]]
    """
    greatest = weights.max(-1).astype(np.float32)
    shares = np.divide(weights, greatest[..., None], out=np.zeros_like(weights), where=greatest[..., None] > 0)
    return Squeezed(np.rint(shares * 255).astype(np.uint8), greatest)


def loosened(shares: UInt8[Array, "*heads q k"], greatest: Float[Array, "*heads q"]) -> Float[Array, "*heads q k"]:
    """The weights again."""
    return shares.astype(np.float32) * (greatest.astype(np.float32)[..., None] / np.float32(255))


def packed(*arrays: Array) -> str:
    """Arrays, little-endian and one after the other, deflated and in base 64, as a page holds them."""
    data = b"".join(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return base64.b64encode(zlib.compress(data, LEVEL)).decode()


def packed_weights(weights: Float[Array, "q k"]) -> str:
    """A head's weights: a float a row (its greatest), then the shares."""
    found = squeezed(weights)
    return packed(found.greatest, found.shares)
