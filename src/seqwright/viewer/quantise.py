"""Weights quantised to one byte each: their share of the greatest weight of their row, in 255ths."""

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
"""zlib's compression level: higher ones take several times as long for a percent or two."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """Weights as shares of the greatest of their row; the error is at most greatest / 510 (and a float's rounding).

    Attributes:
        shares: ``[… q k]``, in 255ths.
        greatest: ``[… q]``.
    """

    shares: UInt8[Array, "*heads q k"]
    greatest: Float[Array, "*heads q"]


def quantise(weights: Float[Array, "*heads q k"]) -> Quantised:
    """Quantise non-negative weights to one byte each.

    >>> quantise(np.array([[0.0, 0.5, 0.25]])).shares.tolist()
    [[0, 255, 128]]
    """
    greatest = weights.max(-1).astype(np.float32)
    shares = np.divide(weights, greatest[..., None], out=np.zeros_like(weights), where=greatest[..., None] > 0)
    return Quantised(np.rint(shares * 255).astype(np.uint8), greatest)


def dequantise(shares: UInt8[Array, "*heads q k"], greatest: Float[Array, "*heads q"]) -> Float[Array, "*heads q k"]:
    """Return the weights of quantised shares."""
    return shares.astype(np.float32) * (greatest.astype(np.float32)[..., None] / np.float32(255))


def encode(*arrays: Array) -> str:
    """Encode arrays for a page: little-endian, one after the other, deflated, in base 64."""
    data = b"".join(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return base64.b64encode(zlib.compress(data, LEVEL)).decode()


def encode_weights(weights: Float[Array, "q k"]) -> str:
    """Encode the weights of one head: the greatest of each row as a float, then the shares."""
    quantised = quantise(weights)
    return encode(quantised.greatest, quantised.shares)
