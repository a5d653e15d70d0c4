"""A small task, a small model, and the command as a process of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

SMALL = [
    "model.width=16",
    "model.encoder.layers=1",
    "model.decoder.layers=1",
    "model.encoder.blocks.feedforward.inner=16",
    "model.decoder.blocks.feedforward.inner=16",
    "batching.tokens=120",
    "evaluation.every=10",
]


def sets(*edits: str) -> list[str]:
    """``--set`` options."""
    return [part for edit in edits for part in ("--set", edit)]


def write_pairs(path: Path, rows: int = 60, seed: int = 0) -> Path:
    """Digits and what they are called, letter by letter."""
    draw = random.Random(seed)
    lines = []
    for _ in range(rows):
        source = "".join(draw.choice("abcd") for _ in range(draw.randint(1, 6)))
        lines.append(f"{source}\t{source.upper()[::-1]}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "seqwright", *map(str, arguments)]


def seqwright(*arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, and hold its exit code against the one expected."""
    done = subprocess.run(command(*arguments), env=environment(), capture_output=True, input=stdin, check=False)
    told = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert done.returncode == code, told.stderr
    return told


def losses(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
