"""Faults of the GPT in padding, positions and caches."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqwright.doctor.visibility import Window

from .gpt import GPT, Attention, Memory, Past, Size, gpt
from .gpt_masks import RIGHT, with_attention

# padding


class PaddingSeen(GPT):
    """Attention without a padding mask."""

    def known(self, real: Tensor, seen: int) -> Tensor:
        return torch.ones_like(super().known(real, seen))


class PaddingBelievedRight(GPT):
    """A padding mask made from lengths, for padding on the right only."""

    def known(self, real: Tensor, seen: int) -> Tensor:
        known = super().known(real, seen)
        return torch.arange(known.shape[1], device=known.device) < known.sum(1, keepdim=True)


class PlacesByColumn(GPT):
    """Positions that are columns, padding before them included (Hugging Face 21080)."""

    def places(self, real: Tensor, seen: int) -> Tensor:
        return seen + torch.arange(real.shape[1], device=real.device).expand_as(real)


class PaddingInverted(GPT):
    """An inverted padding mask, True at padding."""

    def read(self, ids: Tensor, mask: Tensor | None, past: Past | None) -> tuple[Tensor, Past]:
        return super().read(ids, None if mask is None else ~mask, past)

    def places(self, real: Tensor, seen: int) -> Tensor:
        return super().places(torch.ones_like(real), seen)


class PaddingSeesNothing(GPT):
    """Queries without a key, which are 0 / 0 and spread to every row with padding in the next layer."""

    def visible(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(seen + ids.shape[1], device=ids.device)
        return self.looks(key[seen:, None], key, ids, layer) & self.known(real, seen)[:, None]


# places


class NoPlaces(GPT):
    """A model that does not add its positions."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.token(ids)


class Unplaced(NoPlaces):
    """A model without positions and without a table of them."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        del self.place


class FaintPlaces(GPT):
    """Positions that are nearly lost in rounding beside the words' vectors."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.token(ids) + 1e-6 * self.place(places)


class PlacesDividedAway(GPT):
    """A whole-number division, so that every position is 0."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return super().embed(ids, places // self.size.longest)


class PlacesAlongBatch(GPT):
    """Positions indexed by the wrong dimension: one for each row, not for each token (GETNext 2)."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return self.token(ids) + self.place.weight[: len(ids), None]  # [b 1 d]


class ClampedPlaces(GPT):
    """Positions that are clamped to the last of the table."""

    def embed(self, ids: Tensor, places: Tensor) -> Tensor:
        return super().embed(ids, places.clamp_max(self.size.longest - 1))


# caches


class PlacesStartAnew(GPT):
    """Cached steps at the position of the first."""

    def places(self, real: Tensor, seen: int) -> Tensor:
        return super().places(real, 0)


class ChunkSeesItself(GPT):
    """A mask that is left out with a cache, which is right for single tokens only."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | (len(key) > len(query))


class AlignedTopLeft(Attention):
    """SDPA's ``is_causal`` with a cache: the first query is aligned with the first key (PyTorch 103082)."""

    def mix(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)


class Windowed(Attention):
    """A cache that keeps only the window."""

    window = 4
    kept = window - 1  # beside the query's own key

    def remembered(self, key: Tensor, value: Tensor) -> Memory:
        return key[:, :, -self.kept :], value[:, :, -self.kept :]


class WindowedTooSoon(Windowed):
    """A cache that drops one key too early (Hugging Face 37574)."""

    kept = Windowed.window - 2


class WindowedGPT(GPT):
    """A window of four tokens, the query included, in each layer."""

    attention = Windowed

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) & (key > query - Windowed.window)


class WindowedTooSoonGPT(WindowedGPT):
    attention = WindowedTooSoon


class Distances(Attention):
    """ALiBi: scores fall with distance; queries are the last of the keys."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        last = torch.arange(key.shape[2], device=key.device)
        slope = 0.5 ** torch.arange(1, self.heads + 1, device=key.device)[:, None, None]
        return super().scores(query, key) - slope * (self.standing(query, key)[:, None] - last).abs()

    def standing(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the columns of the queries."""
        return torch.arange(key.shape[2] - query.shape[2], key.shape[2], device=key.device)


class DistancesStartAnew(Distances):
    """ALiBi that places the query of a cached step at the beginning (Hugging Face 19045)."""

    def standing(self, query: Tensor, key: Tensor) -> Tensor:
        return torch.arange(query.shape[2], device=key.device)


class Distant(Unplaced):
    """A model with distances as its only positions."""

    attention = Distances


class DistantAnew(Unplaced):
    attention = DistancesStartAnew


NO_CACHE: dict[str, Any] = {"without": ("step",)}
SHORT: dict[str, Any] = {"size": {"longest": 12}}
"""The contract still promises 32 tokens."""

CASES = (
    gpt("padding-seen", "padding-leak", PaddingSeen),
    gpt("padding-believed-right", "padding-leak", PaddingBelievedRight),
    gpt("places-by-column", "padding-leak", PlacesByColumn),
    gpt("padding-inverted", "padding-polarity", PaddingInverted),
    gpt("padding-sees-nothing", "nan", PaddingSeesNothing),
    gpt("no-places-one-layer", "order-blind", Unplaced, "positions-ineffective", size={"layers": 1}),
    gpt("faint-places", "positions-ineffective", FaintPlaces, size={"layers": 3}),
    gpt("places-divided-away", "positions-ineffective", PlacesDividedAway, size={"layers": 2}),
    gpt("places-along-batch", "batch-mixing", PlacesAlongBatch, "positions-ineffective", "order-blind", **NO_CACHE),
    gpt("clamped-places", "position-overflow", ClampedPlaces, **SHORT),
    gpt("too-few-places", "position-overflow", **SHORT),
    gpt("one-place-too-few", "position-overflow", size={"longest": 31}),
    gpt("cached-places-start-anew", "cache-mismatch", PlacesStartAnew),
    gpt("cached-chunk-sees-itself", "cache-mismatch", ChunkSeesItself),
    gpt("cached-mask-top-left", "cache-mismatch", with_attention(AlignedTopLeft), **RIGHT),
    gpt("cached-window-too-short", "cache-mismatch", WindowedTooSoonGPT, contract={"visibility": Window(4)}),
    gpt("cached-distances-start-anew", "cache-mismatch", DistantAnew),
)
