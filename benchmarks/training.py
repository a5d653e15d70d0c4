"""Training speed in target symbols per CPU second, beside the same model in other tools.

    python benchmarks/training.py small DATA [--yoyodyne FOLDER | --peer RATE]
    python benchmarks/training.py large PAIRS
    python benchmarks/training.py text TEXT [--peer SECONDS LOSS] [--set training.precision=bfloat16]

``small`` is the rotary transformer of Yoyodyne's own regression test (4 + 4 layers, width 64, feed-forward 256, 4 heads,
rotary positions in both halves and across, dropout 0.2; Adam, smoothing 0.1, clipping at 3) on batches of 100 words.
DATA is ``data/low`` of github.com/sigmorphon/2021-task1. With FOLDER, where ``peers/yoyodyne.py`` has put its environment,
Yoyodyne trains between our turns; RATE is what it printed another time.

``large`` has 7.4 million parameters (4 + 4 layers, width 256, feed-forward 1,024, sinusoidal positions) and trains on
batches of 256 words, against a loop around ``torch.nn.Transformer`` as people write it; both in float32 and with bfloat16
autocast. PAIRS is any file of ``word<TAB>s y m b o l s``, such as CMUdict.

Each of these two is measured with the very batches that the other has, rows at random (``same rows``), and with rows of
like length together, which is what ``seqwright train`` does (``like lengths``): about as many rows a batch, less padding.
Every turn goes once through the same words.

``text`` is nanoGPT's recipe for a CPU by ``seqwright train --text --model nanogpt-cpu``, start and evaluations included:
CPU seconds and the loss over the whole validation part. SECONDS and LOSS are what ``peers/nanogpt.py`` printed.

Times are CPU seconds, user and system, of one thread. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch
from ladder import machine
from torch import Tensor, nn

from seqwright.core.model import build
from seqwright.core.spec import vary
from seqwright.core.tokens import Tokens
from seqwright.data.batch import Batch, Pair
from seqwright.data.batching import Batching, PaddedBatches, PairExamples, Sampler, TokenBatches
from seqwright.data.vocabulary import Vocabulary
from seqwright.goals.default_recipes import pair_recipe
from seqwright.goals.recipe import Recipe
from seqwright.goals.transduction import Transduction
from seqwright.nn.dropout import draw_from
from seqwright.nn.position import NoPosition
from seqwright.nn.position_embedding import SinusoidalPosition
from seqwright.nn.relative_position import RotaryPosition
from seqwright.training.optimiser import Adam
from seqwright.training.trainer import SingleModel, Trainer

PEERS = Path(__file__).parent / "peers"

Turn = Callable[[], float]
"""A pass over the words, which returns target symbols per CPU second."""


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def read(path: Path) -> list[Pair]:
    rows = (line.split("\t")[:2] for line in path.read_text(encoding="utf-8").splitlines())
    return [Pair(tuple(word), tuple(symbols.split())) for word, symbols in rows]


def recipe(vocabulary: Vocabulary, *, width: int, dropout: float, rotary: bool, precision: str) -> Recipe:
    """Return a recipe of four and four layers and four heads, with everything else as in the peer."""
    edits: dict[str, object] = {
        "model.width": width,
        "model.embedding.deviation": width**-0.5,
        "model.decoder.cross_position": RotaryPosition() if rotary else NoPosition(),
        "training.rate": 0.01 if rotary else 0.001,
        "training.optimiser": Adam(),
        "training.clip": 3.0 if rotary else None,
        "training.precision": precision,
    }
    for side in ("encoder", "decoder"):
        edits |= {
            f"model.{side}.layers": 4,
            f"model.{side}.blocks.mixer.heads": 4,
            f"model.{side}.blocks.feedforward.inner": 4 * width,
            f"model.{side}.blocks.dropout": dropout,
            f"model.{side}.embedding_dropout": dropout,
            f"model.{side}.position": RotaryPosition() if rotary else SinusoidalPosition(),
        }
    return vary(pair_recipe(Transduction(), 1, 1.0, vocabulary), edits | {"model.decoder.blocks.cross.heads": 4})


def pass_through(sampler: Sampler, pad: int, step: Callable[[Batch], None]) -> float:
    """Make one pass and return the target symbols per CPU second."""
    began, symbols = cpu_seconds(), 0
    for _ in range(len(sampler.epoch_plan)):
        batch = next(sampler)
        step(batch)
        symbols += int((batch.labels != pad).sum())
    return symbols / (cpu_seconds() - began)


def ours(pairs: list[Pair], vocabulary: Vocabulary, batching: Batching, chosen: Recipe) -> Turn:
    """Return a turn of our trainer."""
    model = build(chosen.model).train()
    draw_from(model, torch.Generator().manual_seed(0))
    sampler = Sampler(PairExamples(pairs, vocabulary), batching, torch.Generator().manual_seed(0))
    trainer = Trainer(SingleModel(model), chosen.training)

    def step(batch: Batch) -> None:
        trainer.gradient([batch])
        trainer.update()

    step(next(sampler))  # memory is found and kernels are chosen before anything is timed
    sampler.restore(sampler.state() | {"index": torch.tensor(0)})
    return lambda: pass_through(sampler, vocabulary.pad, step)


class Plain(nn.Module):
    """A model of ``torch.nn.Transformer`` as users write it."""

    def __init__(self, symbols: int, outputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.transformer = nn.Transformer(width, 4, 4, 4, 4 * width, dropout=dropout, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, outputs)
        self.dropout = nn.Dropout(dropout)
        at = torch.arange(512)[:, None] * torch.exp(torch.arange(0, width, 2) * -(math.log(10000.0) / width))
        self.register_buffer("waves", torch.stack([at.sin(), at.cos()], -1).flatten(1))

    def embed(self, ids: Tensor) -> Tensor:
        return self.dropout(self.embedding(ids) * self.embedding.embedding_dim**0.5 + self.waves[: ids.shape[1]])

    def forward(self, source: Tokens, target: Tokens) -> Tensor:
        causal = nn.Transformer.generate_square_subsequent_mask(target.ids.shape[1]).isinf()
        y = self.transformer(
            self.embed(source.ids),
            self.embed(target.ids),
            tgt_mask=causal,
            src_key_padding_mask=~source.real,
            tgt_key_padding_mask=~target.real,
            memory_key_padding_mask=~source.real,
            tgt_is_causal=True,
        )
        return self.head(y)


def plain(pairs: list[Pair], vocabulary: Vocabulary, batching: Batching, width: int, precision: str) -> Turn:
    """Return a turn of a plain loop around ``torch.nn.Transformer`` and Adam."""
    torch.manual_seed(0)
    model = Plain(vocabulary.size, vocabulary.outputs, width, 0.1).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss(ignore_index=vocabulary.pad, label_smoothing=0.1)
    sampler = Sampler(PairExamples(pairs, vocabulary), batching, torch.Generator().manual_seed(0))

    def step(batch: Batch) -> None:
        assert batch.source is not None
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext():
            logits = model(batch.source, batch.target)
            loss = criterion(logits.flatten(0, 1), batch.labels.flatten())
        loss.backward()
        optimiser.step()
        loss.item()

    step(next(sampler))
    sampler.restore(sampler.state() | {"index": torch.tensor(0)})
    return lambda: pass_through(sampler, vocabulary.pad, step)


def yoyodyne(data: Path, language: str, folder: Path) -> Turn:
    """Return a turn of the peer in its own environment, by its own script."""
    command = [sys.executable, str(PEERS / "yoyodyne.py"), str(data), str(folder), "--languages", language]

    def turn() -> float:
        options = ["--models", "rotary", "--measure", "train"]
        out = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out.splitlines()[-1])["symbols_per_cpu_second"]

    return turn


def in_turns(turns: dict[str, Turn], number: int, against: dict[str, str]) -> dict[str, object]:
    """Take turns; return the rates, and each turn's ratios to those that a name is ``against``."""
    rates: dict[str, list[float]] = {name: [] for name in turns}
    for at in range(number):
        for name, turn in turns.items():
            rates[name].append(turn())
            print(f"turn {at + 1}: {name:32}{rates[name][-1]:8.0f} target symbols a CPU second", flush=True)
    ratios = {name: [a / b for a, b in zip(rates[name], rates[other], strict=True)] for name, other in against.items()}
    print()
    for name, each in rates.items():
        beside = ""
        if name in ratios:
            beside = f"{median(ratios[name]):6.2f} times {against[name]}, from {min(ratios[name]):.2f} to {max(ratios[name]):.2f}"
        print(f"{name:32}{median(each):8.0f}{beside}")
    found = {name: round(median(each), 1) for name, each in rates.items()}
    return {"rates": found, "ratios": {name: round(median(each), 2) for name, each in ratios.items()}}


def batchings(pairs: Iterable[Pair], rows: int) -> dict[str, Batching]:
    """Return batchings of ``rows`` at random, and of about as many rows of similar lengths, as training's default."""
    symbols = [len(pair.source) + len(pair.target) + 2 for pair in pairs]
    tokens = round(rows * sum(symbols) / len(symbols))
    return {"same rows": PaddedBatches(rows=rows), "like lengths": TokenBatches(tokens=tokens)}


def small(arguments: argparse.Namespace) -> dict[str, object]:
    pairs = read(arguments.data / f"{arguments.language}_train.tsv")
    vocabulary = Vocabulary.of(pairs)
    chosen = recipe(vocabulary, width=64, dropout=0.2, rotary=True, precision="float32")
    turns: dict[str, Turn] = {}
    if arguments.yoyodyne:
        turns["Yoyodyne"] = yoyodyne(arguments.data, arguments.language, arguments.yoyodyne)
    elif arguments.peer:
        turns["Yoyodyne"] = lambda: arguments.peer
    for name, batching in batchings(pairs, 100).items():
        turns[f"ours, {name}"] = ours(pairs, vocabulary, batching, chosen)
    against = {name: "Yoyodyne" for name in turns if name != "Yoyodyne"} if "Yoyodyne" in turns else {}
    return in_turns(turns, arguments.turns, against)


def large(arguments: argparse.Namespace) -> dict[str, object]:
    pairs = random.Random(0).sample(read(arguments.pairs), arguments.words)
    vocabulary = Vocabulary.of(pairs)
    turns: dict[str, Turn] = {}
    against: dict[str, str] = {}
    for precision in ("float32", "bfloat16"):
        chosen = recipe(vocabulary, width=256, dropout=0.1, rotary=False, precision=precision)
        both = batchings(pairs, 256)
        peer = f"nn.Transformer, {precision}"
        turns[peer] = plain(pairs, vocabulary, both["same rows"], 256, precision)
        for name, batching in both.items():
            turns[f"ours, {precision}, {name}"] = ours(pairs, vocabulary, batching, chosen)
            against[f"ours, {precision}, {name}"] = peer
    return in_turns(turns, arguments.turns, against)


def text(arguments: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        began = cpu_seconds(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "seqwright", "train", "--text", str(arguments.text), "--model", "nanogpt-cpu"]
        options = [part for edit in arguments.edits for part in ("--set", edit)]
        subprocess.run([*command, *options, "--out", f"{folder}/run", "--json"], check=True, stdout=subprocess.DEVNULL)
        seconds = cpu_seconds(resource.RUSAGE_CHILDREN) - began
        result = json.loads(Path(folder, "run", "result.json").read_text())
    print(f"ours: {seconds:.0f} CPU seconds, loss {result['dev_loss']:.4f} over the whole validation part")
    found: dict[str, object] = {
        "cpu_seconds": round(seconds, 1),
        "val_loss": round(result["dev_loss"], 4),
        "steps": result["steps"],
    }
    if arguments.peer:
        theirs, loss = arguments.peer
        print(f"nanoGPT: {theirs:.0f} CPU seconds, loss {loss:.4f}; ours is {theirs / seconds:.2f} times as fast")
        found |= {"nanogpt_cpu_seconds": theirs, "nanogpt_val_loss": loss, "ratio": round(theirs / seconds, 2)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kind = kinds.add_parser("small", help="the size of Yoyodyne's own test")
    kind.add_argument("data", type=Path)
    kind.add_argument("--language", default="ice")
    kind.add_argument("--turns", type=int, default=3)
    kind.add_argument("--yoyodyne", type=Path, metavar="FOLDER", help="where peers/yoyodyne.py has its environment")
    kind.add_argument("--peer", type=float, metavar="RATE", help="Yoyodyne's target symbols a CPU second")
    kind.set_defaults(measure=small)
    kind = kinds.add_parser("large", help="7.4 million parameters")
    kind.add_argument("pairs", type=Path)
    kind.add_argument("--words", type=int, default=1024)
    kind.add_argument("--turns", type=int, default=3)
    kind.set_defaults(measure=large)
    kind = kinds.add_parser("text", help="nanoGPT's recipe")
    kind.add_argument("text", type=Path)
    kind.add_argument("--peer", type=float, nargs=2, metavar=("SECONDS", "LOSS"))
    kind.add_argument("--set", action="append", default=[], dest="edits", help="passed on to train")
    kind.set_defaults(measure=text)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started here
    torch.set_num_threads(1)
    print(machine("cpu"), flush=True)
    print(json.dumps({"measured": f"training, {arguments.kind}", **arguments.measure(arguments)}))


if __name__ == "__main__":
    main()
