"""Parts and whole models that look faulty and are healthy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gpt import GPT, Attention, Block, Memory, Size
from .gpt_losses import OwnHead
from .gpt_places import Unplaced

PREFIX = 4


class PrefixSeen(GPT):
    """A prefix mask: the first four tokens attend to one another."""

    def looks(self, query: Tensor, key: Tensor, ids: Tensor, layer: int) -> Tensor:
        return (key <= query) | ((query < PREFIX) & (key < PREFIX))


class StrictlyPast(GPT):
    """A strictly causal mask: a token attends to earlier ones only, and the residual stream carries the token itself."""

    def visible(self, ids: Tensor, real: Tensor, seen: int, layer: int) -> Tensor:
        key = torch.arange(seen + ids.shape[1], device=ids.device)
        past = (key < key[seen:, None]) & self.known(real, seen)[:, None]
        return past | (~past.any(-1, keepdim=True) & (key == key[seen:, None]))


class Rotated(Attention):
    """RoPE with every position moved by 1000."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        at = 1000 + torch.arange(key.shape[2], dtype=torch.float64, device=key.device)
        return super().scores(turned(query, at[-query.shape[2] :]), turned(key, at))


def turned(x: Tensor, at: Tensor) -> Tensor:
    """Rotate pairs of features by an angle that grows with the position."""
    half = x.shape[-1] // 2
    angle = at[:, None] * 100.0 ** (-torch.arange(half, device=x.device) / half)  # [t c/2]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class RotatedGPT(Unplaced):
    attention = Rotated


class Bucketed(Attention):
    """T5's way: a trained bias for each distance, up to eight."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__(size, layer)
        self.bias = nn.Embedding(9, size.heads)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        at = torch.arange(key.shape[2], device=key.device)
        distance = (at[-query.shape[2] :, None] - at).clamp(0, 8)  # [q k]
        return super().scores(query, key) + self.bias(distance).permute(2, 0, 1)


class BucketedGPT(Unplaced):
    attention = Bucketed


class Linear(Attention):
    """Linear attention: positive features in place of the exponential."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return (F.elu(query) + 1) @ (F.elu(key) + 1).mT

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        shares = scores * allowed
        return shares / shares.sum(-1, keepdim=True)


class Fused(Attention):
    """SDPA, with its own dropout."""

    def mix(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, allowed, 0.3 if self.training else 0.0)


class UnitQueries(Attention):
    """Queries and keys of length one, and a trained temperature."""

    def __init__(self, size: Size, layer: int) -> None:
        super().__init__(size, layer)
        self.temperature = nn.Parameter(torch.tensor(4.0))

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return self.temperature * F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT


class Sink(Attention):
    """A softmax with 1 added to its sum, so that a head may attend to nothing (Miller's softmax1)."""

    def weights(self, scores: Tensor, allowed: Tensor) -> Tensor:
        scores = scores.masked_fill(~allowed, float("-inf"))
        return F.pad(scores, (1, 0)).softmax(-1)[..., 1:]


class SilentHead(OwnHead):
    """A head of zeros, uniform before training."""

    def draw(self) -> None:
        super().draw()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class Gated(Block):
    """ReZero: a gate of 0 on every branch."""

    def __init__(self, size: Size, attention: nn.Module, feedforward: nn.Module) -> None:
        super().__init__(size, attention, feedforward)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, allowed: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        y, memory = super().forward(x, allowed, past)
        return x + self.gate * (y - x), memory


class GatedGPT(GPT):
    block = Gated


class BatchNormed(nn.BatchNorm1d):
    """BatchNorm over ``[b t d]``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mT).mT


class BatchNormedBlock(Block):
    """Norms whose statistics were gathered in training."""

    def norm(self, width: int) -> nn.Module:
        return BatchNormed(width)


class BatchNormedGPT(GPT):
    block = BatchNormedBlock


class SharedLayers(GPT):
    """One block, used in all layers, as in ALBERT."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.blocks = nn.ModuleList([self.blocks[0]] * size.layers)


class Adapted(nn.Module):
    """LoRA: a frozen map and a low-rank change to it, which begins at 0."""

    def __init__(self, frozen: nn.Linear) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.down, self.up = nn.Linear(frozen.in_features, 2, bias=False), nn.Linear(2, frozen.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x) + self.up(self.down(x))


class AdaptedGPT(GPT):
    """A model of which only the adapters are trained."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.requires_grad_(False)
        for block in self.blocks:
            block.attention.read = Adapted(block.attention.read)


class FrozenEmbedding(OwnHead):
    """Embeddings from elsewhere, which are not to be changed."""

    def draw(self) -> None:
        super().draw()
        nn.init.orthogonal_(self.token.weight)
        self.token.requires_grad_(False)


class Capped(GPT):
    """Logits are kept below five, as Gemma's are below thirty."""

    def speak(self, x: Tensor) -> Tensor:
        return 5 * torch.tanh(super().speak(x) / 5)


class Convolutions(nn.Module):
    """Causal convolutions with growing dilation, as in WaveNet."""

    def __init__(self, width: int = 24, layers: int = 3) -> None:
        super().__init__()
        self.token = nn.Embedding(28, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**layer) for layer in range(layers))
        self.head = nn.Linear(width, 28)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids).mT  # [b d t]
        for layer in self.layers:
            x = x + layer(F.pad(x, (layer.dilation[0], 0))).relu()
        return self.head(x.mT)


class Averages(nn.Module):
    """A running mean over earlier tokens, without padding."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.token, self.mix, self.head = nn.Embedding(28, width), nn.Linear(2 * width, width), nn.Linear(width, 28)
        self.decay = nn.Parameter(torch.linspace(0, 4, width))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.token(ids) if mask is None else self.token(ids) * mask[..., None]
        state, heard = torch.zeros_like(x[:, 0]), []
        for each in x.unbind(1):
            state = self.decay.sigmoid() * state + each
            heard.append(state)
        return self.head(self.mix(torch.cat([x, torch.stack(heard, 1)], -1)).tanh())
