"""Decoding speed: words per CPU second, greedy and with a beam of five, beside other decoders.

    python benchmarks/decoding.py PAIRS WORDS FOLDER [--number 10000] [--turns 3]
        [--yoyodyne DATA FOLDER | --peer GREEDY BEAM] [--ctranslate FOLDER]

A rotary transformer of exactly the size of Yoyodyne's own test (4 + 4 layers, width 64, feed-forward 256, 4 heads, rotary
positions in both halves and across) is trained briefly by ``seqwright train`` on PAIRS, ``word<TAB>s y m b o l s``, so that
answers have an end. Then it answers the words in WORDS (the first column), repeated until there are enough, as
``seqwright predict`` does: a stream, in order. FOLDER keeps the trained models for the next run.

Beside it, in turns:

* ours without a cache: the same weights, every step reading the whole prefix again (fewer words);
* Yoyodyne, by ``peers/yoyodyne.py`` (with its arguments DATA and FOLDER; it has its own trained model of the same size and
  answers words of the same language), or its figures of an earlier run;
* CTranslate2 with *the same weights*, by ``peers/ctranslate.py``. It has no positions across, so that this pair of
  columns is of a second model without them. First the fraction of equal answers is printed.

Times are CPU seconds, user and system, of one thread, without starting up. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import torch
from ladder import machine

import seqwright
from seqwright.decoding.beam import Beam
from seqwright.decoding.decoding import Decoding
from seqwright.decoding.greedy import Greedy
from seqwright.runs.run import Run

PEERS = Path(__file__).parent / "peers"
SEARCHES: dict[str, Decoding] = {"greedy": Greedy(), "beam 5": Beam(width=5)}
UNPENALISED: dict[str, Decoding] = {"greedy": Greedy(), "beam 5": Beam(width=5, length_penalty=0)}

Rates = dict[str, float]
"""Words per CPU second, by search."""


def trained(pairs: Path, folder: Path, steps: int, *, across: bool) -> Run:
    """Return a model of Yoyodyne's size, with positions across or without; it is trained if there is none yet."""
    if not (folder / "result.json").exists():
        edits = {
            "model.width": 64,
            "model.embedding.deviation": 64**-0.5,
            "training.steps": steps,
            "evaluation.every": steps,
        }
        for side in ("encoder", "decoder"):
            edits |= {f"model.{side}.layers": 4, f"model.{side}.blocks.feedforward.inner": 256}
            edits[f"model.{side}.blocks.mixer.heads"] = 4
        edits["model.decoder.blocks.cross.heads"] = 4
        if not across:
            edits["model.decoder.cross_position"] = "NoPosition"
        command = [sys.executable, "-m", "seqwright", "train", str(pairs), "--split-target-on", " "]
        options = [part for path, value in edits.items() for part in ("--set", f"{path}={value}")]
        subprocess.run([*command, "--out", str(folder), *options], check=True, stdout=subprocess.DEVNULL)
    return seqwright.load(folder)


class Rereading:
    """A model without a cache, which reads the whole answer again for each token."""

    incremental = False

    def __init__(self, model: Any) -> None:
        self.start, self.advance, self.encoder, self.spec = model.start, model.advance, model.encoder, model.spec


def without_cache(run: Run) -> Run:
    return Run(run.folder, run.manifest, Rereading(run.model), run.device)  # type: ignore[arg-type]


def answered(run: Run, words: list[str], decoding: Decoding) -> tuple[list[str], float]:
    """Return the run's answers, and its words per CPU second."""
    began = resource.getrusage(resource.RUSAGE_SELF)
    answers = [found[0].text for found in run.answers(words, decoding)]
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return answers, len(words) / (ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)


def ours(run: Run, words: list[str], searches: dict[str, Decoding]) -> Callable[[], Rates]:
    return lambda: {name: answered(run, words, decoding)[1] for name, decoding in searches.items()}


def yoyodyne(data: Path, language: str, folder: Path) -> Callable[[], Rates]:
    """Return a turn of the peer in its own environment, by its own script."""
    command = [sys.executable, str(PEERS / "yoyodyne.py"), str(data), str(folder), "--languages", language]

    def turn() -> Rates:
        options = ["--models", "rotary", "--measure", "decode"]
        out = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True).stdout
        greedy, beam = (json.loads(line)["words_per_cpu_second"] for line in out.splitlines()[-2:])
        return {"greedy": greedy, "beam 5": beam}

    return turn


class CTranslate:
    """The peer in its own environment, with the weights of one of our runs."""

    def __init__(self, run: Run, words: list[str], folder: Path) -> None:
        self.run, self.words, self.folder = run, words, folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "words.txt").write_text("".join(word + "\n" for word in words), encoding="utf-8")

    def answered(self, beam: int) -> tuple[list[str], float]:
        paths = [str(self.run.path), str(self.folder / "words.txt"), str(self.folder)]
        command = [sys.executable, str(PEERS / "ctranslate.py"), *paths, "--beam", str(beam)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        answers = (self.folder / "answers.txt").read_text(encoding="utf-8").splitlines()
        return answers, json.loads(out.splitlines()[-1])["words_per_cpu_second"]

    def turn(self) -> Rates:
        return {"greedy": self.answered(1)[1], "beam 5": self.answered(5)[1]}

    def alike(self) -> Rates:
        """Return the fraction of words with equal answers."""
        found = {}
        for (name, decoding), beam in zip(UNPENALISED.items(), (1, 5), strict=True):
            one, other = answered(self.run, self.words, decoding)[0], self.answered(beam)[0]
            found[name] = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="training pairs")
    parser.add_argument("words", type=Path, help="words to answer")
    parser.add_argument("folder", type=Path, help="folder of the trained models")
    parser.add_argument("--number", type=int, default=10_000, help="words to answer in a turn")
    parser.add_argument("--uncached", type=int, default=1_000, help="words to answer in a turn without a cache")
    parser.add_argument("--steps", type=int, default=800, help="steps of training")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--yoyodyne", type=Path, nargs=2, metavar=("DATA", "FOLDER"), help="run Yoyodyne each turn")
    parser.add_argument("--language", default="ice", help="the language of Yoyodyne's model")
    parser.add_argument(
        "--peer", type=float, nargs=2, metavar=("GREEDY", "BEAM"), help="Yoyodyne's words per CPU second"
    )
    parser.add_argument("--ctranslate", type=Path, metavar="FOLDER", help="run CTranslate2 each turn")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started here
    torch.set_num_threads(1)
    print(machine("cpu"), flush=True)
    column = [line.split("\t")[0] for line in arguments.words.read_text(encoding="utf-8").splitlines()]
    words = list(islice(cycle(column), arguments.number))
    run = trained(arguments.pairs, arguments.folder / "across", arguments.steps, across=True)
    contestants = {
        "ours": ours(run, words, SEARCHES),
        "ours, no cache": ours(without_cache(run), words[: arguments.uncached], SEARCHES),
    }
    against = {"ours, no cache": "ours"}
    if arguments.yoyodyne or arguments.peer:
        contestants["Yoyodyne"] = (
            yoyodyne(arguments.yoyodyne[0], arguments.language, arguments.yoyodyne[1])
            if arguments.yoyodyne
            else lambda: dict(zip(SEARCHES, arguments.peer, strict=True))
        )
        against["Yoyodyne"] = "ours"
    same: Rates = {}
    if arguments.ctranslate:
        second = trained(arguments.pairs, arguments.folder / "not-across", arguments.steps, across=False)
        peer = CTranslate(second, words, arguments.ctranslate.resolve())
        same = peer.alike()
        alike = ", ".join(f"{fraction:.4f} ({name})" for name, fraction in same.items())
        print(f"Fraction of words with equal answers of CTranslate2 and ours: {alike}", flush=True)
        contestants["ours, not across"] = ours(second, words, UNPENALISED)
        contestants["CTranslate2"] = peer.turn
        against["CTranslate2"] = "ours, not across"
    turns: dict[str, list[Rates]] = {name: [] for name in contestants}
    for at in range(arguments.turns):
        for name, turn in contestants.items():
            turns[name].append(turn())
            rates = "".join(f"{rate:10.0f} ({search})" for search, rate in turns[name][-1].items())
            print(f"turn {at + 1}: {name:20}{rates}", flush=True)
    found: dict[str, Any] = {"measured": "decoding", "words": arguments.number, "same_answers": same}
    print(f"\n{'words per CPU second':20}" + "".join(f"{search:>10}" for search in SEARCHES))
    for name, rates in turns.items():
        middle = {search: median(rate[search] for rate in rates) for search in SEARCHES}
        found[name] = {search: round(rate, 1) for search, rate in middle.items()}
        print(f"{name:20}" + "".join(f"{rate:10.0f}" for rate in middle.values()))
    for name, other in against.items():
        ratios = {
            search: [a[search] / b[search] for a, b in zip(turns[other], turns[name], strict=True)]
            for search in SEARCHES
        }
        found[f"{other} / {name}"] = {search: round(median(each), 2) for search, each in ratios.items()}
        factors = ", ".join(
            f"{search} {median(each):.2f} (from {min(each):.2f} to {max(each):.2f})" for search, each in ratios.items()
        )
        print(f"{other} is faster than {name} by: {factors}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
