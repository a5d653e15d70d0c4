"""Loss and training time of nanoGPT's CPU recipe on tiny Shakespeare.

Trains characters with the small settings that nanoGPT's README gives for a machine without a GPU: four layers, four
heads, 128 wide, 64 characters of context, twelve rows a batch, 2,000 iterations, no dropout. One JSON line comes out:

    val_loss_estimated   nanoGPT's own last figure, from 20 random batches of the validation part
    val_loss             the same checkpoint over the whole validation part, in windows that follow one another
    cpu_seconds          of the whole run, with start-up and evaluations
    cpu_seconds_steps    of its training steps alone, and tokens_per_cpu_second from it

CPU seconds are user and system, on one thread. Those of a step are the difference of a long and a short run that both
evaluate once, divided by the difference of their steps, so that starting up falls out.

    python benchmarks/peers/nanogpt.py CHECKOUT TEXT FOLDER [--quick]

CHECKOUT is a checkout of karpathy/nanoGPT and is only read; TEXT is tiny Shakespeare, `input.txt`; FOLDER gets copies
of the files that train and the checkpoint. Run it in an environment that has torch and numpy.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

BLOCK, BATCH, ITERATIONS = 64, 12, 2000
RECIPE = {
    "device": "cpu",
    "dtype": "float32",  # what it computes in on a CPU anyway
    "compile": False,
    "eval_iters": 20,
    "log_interval": 1,
    "block_size": BLOCK,
    "batch_size": BATCH,
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 128,
    "dropout": 0.0,
}
# for the runs that are timed by difference: nothing but steps, apart from one small evaluation at the start
ONE_EVALUATION = {"eval_iters": 1, "eval_interval": 10**6}


def prepare(checkout: Path, text: Path, folder: Path) -> np.ndarray:
    """Copy the training files, write nine tenths of the characters in nanoGPT's form, and return the other tenth."""
    for name in ("train.py", "model.py", "configurator.py", "config/train_shakespeare_char.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / name, folder / name)
    written = text.read_text(encoding="utf-8")
    alphabet = sorted(set(written))
    number = {character: i for i, character in enumerate(alphabet)}
    ids = np.array([number[character] for character in written], dtype=np.uint16)
    cut = int(len(ids) * 0.9)
    data = folder / "data" / "shakespeare_char"
    data.mkdir(parents=True, exist_ok=True)
    ids[:cut].tofile(data / "train.bin")
    ids[cut:].tofile(data / "val.bin")
    meta = {"vocab_size": len(alphabet), "stoi": number, "itos": dict(enumerate(alphabet))}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    return ids[cut:]


def train(folder: Path, iterations: int, **changed: object) -> tuple[str, float]:
    """Run nanoGPT's script; return its output and its CPU seconds."""
    settings = {**RECIPE, "max_iters": iterations, "lr_decay_iters": ITERATIONS, **changed}
    options = [f"--{name}={value}" for name, value in settings.items()]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, "train.py", "config/train_shakespeare_char.py", *options],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ran.stdout, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@torch.no_grad()
def loss_of_all(folder: Path, held_out: np.ndarray) -> tuple[float, int, int]:
    """Return the checkpoint's loss over every window of the validation part, its size, and its step."""
    sys.path.insert(0, str(folder))
    from model import GPT, GPTConfig  # nanoGPT's

    saved = torch.load(folder / "out-shakespeare-char" / "ckpt.pt", map_location="cpu")
    model = GPT(GPTConfig(**saved["model_args"]))
    model.load_state_dict(saved["model"])
    model.eval()
    windows = (len(held_out) - 1) // BLOCK
    ids = torch.from_numpy(held_out[: windows * BLOCK + 1].astype(np.int64))
    inputs, targets = ids[:-1].view(windows, BLOCK), ids[1:].view(windows, BLOCK)
    total = 0.0
    for some, wanted in zip(inputs.split(100), targets.split(100), strict=True):
        _, loss = model(some, wanted)
        total += loss.item() * len(some)
    return total / windows, sum(p.numel() for p in model.parameters()), saved["iter_num"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of karpathy/nanoGPT")
    parser.add_argument("text", type=Path, help="tiny Shakespeare, one text file")
    parser.add_argument("folder", type=Path, help="where copies and the checkpoint go")
    parser.add_argument("--quick", action="store_true", help="does it run? the figures mean nothing")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    folder = chosen.folder.resolve()
    shutil.rmtree(folder / "out-shakespeare-char", ignore_errors=True)
    held_out = prepare(chosen.checkout, chosen.text, folder)

    iterations = 40 if chosen.quick else ITERATIONS
    every = {"eval_interval": 20} if chosen.quick else {}
    printed, whole = train(folder, iterations, **every)
    estimates = re.findall(r"^step (\d+): train loss [\d.]+, val loss ([\d.]+)", printed, flags=re.MULTILINE)
    loss, parameters, step = loss_of_all(folder, held_out)

    few, many = (10, 40) if chosen.quick else (100, 600)
    (_, short), (_, long) = (train(folder, steps, **ONE_EVALUATION) for steps in (few, many))
    a_step = (long - short) / (many - few)
    figures = {
        "peer": "nanoGPT",
        "parameters": parameters,
        "iterations": int(estimates[-1][0]),
        "val_loss_estimated": float(estimates[-1][1]),
        "val_loss": round(loss, 4),
        "checkpoint_iteration": step,
        "cpu_seconds": round(whole, 1),
        "cpu_seconds_steps": round(a_step * iterations, 1),
        "tokens_per_cpu_second": round(BLOCK * BATCH / a_step),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
