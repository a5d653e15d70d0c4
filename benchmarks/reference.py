"""The paper's last rung in a script around ``torch.nn.Transformer``, one model at a time.

The ladder's ensembles are compared with it in speed and in results. It shares no code with them.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn

warnings.filterwarnings("ignore", "enable_nested_tensor")

ZERO, ONE, SOS, EOS, PAD = range(5)
SEQUENCES = ["0000 0000", "1111 1111", "111 0", "000 1", "0 111", "1 000", "0101 0101", "1010 1010"]
COPIES, EPOCHS, DROP = 25, 2000, 1000


class PositionalEncoding(nn.Module):
    def __init__(self, width: int, dropout: float, longest: int = 100) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        place = torch.arange(longest)[:, None]
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(1, longest, width)
        table[0, :, 0::2] = torch.sin(place * rate)
        table[0, :, 1::2] = torch.cos(place * rate)
        self.register_buffer("table", table)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x + self.table[:, : x.shape[1]])


class Seq2SeqTransformer(nn.Module):
    def __init__(self, width: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(5, width)
        self.positions = PositionalEncoding(width, dropout)
        self.transformer = nn.Transformer(width, 1, 1, 1, 8, dropout, norm_first=True, batch_first=True)
        self.unembedding = nn.Linear(width, 4)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        length = target.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=target.device).triu(1)
        decoded = self.transformer(
            self.positions(self.embedding(source) * math.sqrt(self.width)),
            self.positions(self.embedding(target) * math.sqrt(self.width)),
            tgt_mask=future,
            src_key_padding_mask=source == PAD,
            tgt_key_padding_mask=target == PAD,
            memory_key_padding_mask=source == PAD,
        )
        return self.unembedding(decoded)


def rows(device: str) -> tuple[Tensor, Tensor]:
    """Return all 200 rows: sources ``[200 4]``, and targets between SOS and EOS ``[200 6]``."""
    pairs = [tuple([int(s) for s in side] for side in line.split()) for line in SEQUENCES for _ in range(COPIES)]
    sources = [source + [PAD] * (4 - len(source)) for source, _ in pairs]
    targets = [[SOS, *target, EOS] + [PAD] * (4 - len(target)) for _, target in pairs]
    return torch.tensor(sources, device=device), torch.tensor(targets, device=device)


def train(seed: int, *, epochs: int = EPOCHS, device: str = "cpu") -> tuple[Seq2SeqTransformer, float]:
    """Train one model; return it and its last training loss."""
    torch.manual_seed(seed)
    model = Seq2SeqTransformer().to(device)
    source, target = rows(device)
    shown, wanted = target[:, :-1], target[:, 1:]
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [DROP], 0.1)
    value = math.nan
    model.train()
    for _ in range(epochs):
        loss = criterion(model(source, shown).permute(0, 2, 1), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        value = loss.item()  # as the paper does, to print and plot it
    return model, value


@torch.no_grad()
def exact_match(model: Seq2SeqTransformer) -> float:
    """Return the fraction of the eight sequences that are answered by generating, token by token."""
    model.eval()
    source, target = rows(next(model.parameters()).device.type)
    source, target = source[::COPIES], target[::COPIES]
    generated = torch.full_like(target[:, :1], SOS)
    for _ in range(10):
        generated = torch.cat([generated, model(source, generated)[:, -1:].argmax(-1)], 1)
    right = 0
    for wanted, row in zip(target.tolist(), generated.tolist(), strict=True):
        answer = row[1 : row.index(EOS) + 1] if EOS in row else row[1:]
        right += answer == [token for token in wanted[1:] if token != PAD]
    return right / len(SEQUENCES)
