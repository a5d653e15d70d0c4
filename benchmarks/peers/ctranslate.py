"""Decoding by CTranslate2, with the converted weights of one of our runs.

CTranslate2 (OpenNMT) is a decoder in C++, with a cache. It is installed in a virtual environment of its own. Only models of
parts that it has, too, are converted: encoder and decoder, equal pre-norm blocks with ReLU, rotary or sinusoidal positions,
one embedding table. It has no positions in cross-attention (a decoder's ``cross_position``), and a run with them is refused.

    python benchmarks/peers/ctranslate.py RUN WORDS FOLDER [--beam 5]

RUN is the folder of a run whose sources are characters; WORDS has one a line. FOLDER gets the environment, the
converted model and ``answers.txt``, an answer a line, its symbols separated by spaces. One JSON line is printed: words a CPU
second of decoding, user and system, on one thread, without start-up and conversion.

Scores are sums of log probabilities, without a penalty for length, and an answer may be empty, as with ours when
``length_penalty`` is 0.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

VERSION = "4.8.5"
NEVER = -1e9  # the bias of symbols that are never generated


def again_in_environment(folder: Path) -> None:
    """Run this same command by the Python of an environment that has CTranslate2, made if there is none."""
    python = folder / "environment" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "environment")], check=True)
        subprocess.run([str(python), "-m", "pip", "--quiet", "install", f"ctranslate2=={VERSION}"], check=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    os.execve(str(python), [str(python), *sys.argv], environment)


def tensors(path: Path) -> dict:
    """Read a safetensors file: the length of a JSON header, the header, the numbers."""
    import numpy as np

    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    found = {}
    for name, about in header.items():
        if name != "__metadata__":
            assert about["dtype"] == "F32", (name, about["dtype"])
            first, last = about["data_offsets"]
            found[name] = np.frombuffer(body[first:last], dtype=np.float32).reshape(about["shape"])
    return found


def block_of(stack: dict) -> dict:
    """Return the block of every layer of a stack, if it is one that CTranslate2 has."""
    block = stack["blocks"]
    if not isinstance(block, dict):
        raise SystemExit("blocks that differ from layer to layer are not converted here")
    parts = {
        "mixer": "AttentionSpec",
        "feedforward": "FeedForwardSpec",
        "residual": "PreNormResidual",
    }
    for name, kind in parts.items():
        if (block[name] or {}).get("type") != kind:
            raise SystemExit(f"a {name} other than {kind} is not converted here")
    return block


def rotary(stack: dict) -> bool:
    """Return whether a stack's positions are rotary rather than sinusoidal."""
    kind = stack["position"]["type"]
    if kind not in ("RotaryPosition", "SinusoidalPosition"):
        raise SystemExit(f"{kind} is not converted here")
    if stack["cross_position"]["type"] != "NoPosition":
        raise SystemExit("CTranslate2 has no positions across: train with model.decoder.cross_position=NoPosition")
    return kind == "RotaryPosition"


def sinusoids(width: int, length: int = 512):
    """Return the table of sinusoidal positions."""
    import numpy as np

    angle = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, width).astype(np.float32)


def convert(run: Path, folder: Path) -> list[str]:
    """Write the run's model in CTranslate2's form and return its symbols."""
    import numpy as np
    from ctranslate2.specs import transformer_spec

    model = json.loads((run / "model.json").read_text(encoding="utf-8"))
    symbols = json.loads((run / "vocabulary.json").read_text(encoding="utf-8"))["symbols"]
    weights, width = tensors(run / "model.safetensors"), model["width"]

    def linear(spec, *names: str) -> None:
        spec.weight = np.concatenate([weights[f"{name}.weight"] for name in names])
        spec.bias = np.concatenate([weights[f"{name}.bias"] for name in names])

    def norm(spec, name: str) -> None:
        spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    halves = {}
    for side, kind in (
        ("encoder", transformer_spec.TransformerEncoderSpec),
        ("decoder", transformer_spec.TransformerDecoderSpec),
    ):
        stack = model[side]
        rotation = {"rotary_dim": 0, "rotary_interleave": True} if rotary(stack) else {}
        spec = kind(stack["layers"] or 1, block_of(stack)["mixer"]["heads"], **rotation)
        for index, layer in enumerate(spec.layer):
            block = f"{side}.blocks.{index}"
            own = f"{block}.mixer"
            norm(layer.self_attention.layer_norm, f"{block}.mixer_residual.norm")
            linear(layer.self_attention.linear[0], f"{own}.query", f"{own}.key", f"{own}.value")
            linear(layer.self_attention.linear[1], f"{own}.output")
            if side == "decoder":
                across = f"{block}.cross"
                norm(layer.attention.layer_norm, f"{block}.cross_residual.norm")
                linear(layer.attention.linear[0], f"{across}.query")
                linear(layer.attention.linear[1], f"{across}.key", f"{across}.value")
                linear(layer.attention.linear[2], f"{across}.output")
            norm(layer.ffn.layer_norm, f"{block}.feedforward_residual.norm")
            linear(layer.ffn.linear_0, f"{block}.feedforward.widen")
            linear(layer.ffn.linear_1, f"{block}.feedforward.narrow")
        norm(spec.layer_norm, f"{side}.norm")
        if not rotation:
            spec.position_encodings.encodings = sinusoids(width)
        halves[side] = spec
    # our table ends with START, END, PAD; CTranslate2 needs <unk> in PAD's place, and neither it nor START is generated
    table = weights["embedding.weight"]
    halves["encoder"].embeddings[0].weight = halves["decoder"].embeddings.weight = table
    head, bias = weights["head.weight"], weights["head.bias"].copy()
    bias[len(symbols)] = NEVER
    projection = halves["decoder"].projection
    projection.weight = np.concatenate([head, np.zeros((1, width), np.float32)])
    projection.bias = np.concatenate([bias, np.array([NEVER], np.float32)])
    spec = transformer_spec.TransformerSpec(halves["encoder"], halves["decoder"])
    names = [*symbols, "<s>", "</s>", "<unk>"]
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    recipe = json.loads((run / "run.json").read_text(encoding="utf-8"))["recipe"]
    spec.config.add_source_bos = spec.config.add_source_eos = recipe["goal"]["sources"]["type"] == "MarkedSources"
    spec.config.decoder_start_token = "<s>"
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    return symbols


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("words", type=Path, help="the sources, one a line")
    parser.add_argument("folder", type=Path, help="where the environment and the converted model go")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1024, help="source tokens of a batch")
    arguments = parser.parse_args()
    if importlib.util.find_spec("ctranslate2") is None:
        again_in_environment(arguments.folder.resolve())
    import ctranslate2

    symbols = set(convert(arguments.run, arguments.folder / "model"))
    limit = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))["limit"]
    translator = ctranslate2.Translator(
        str(arguments.folder / "model"), device="cpu", inter_threads=1, intra_threads=1, compute_type="float32"
    )
    sources = [
        [letter for letter in word if letter in symbols] for word in arguments.words.read_text("utf-8").splitlines()
    ]
    options = {
        "beam_size": arguments.beam,
        "length_penalty": 0,
        "min_decoding_length": 0,
        "max_decoding_length": limit,
        "max_batch_size": arguments.batch,
        "batch_type": "tokens",
    }
    translator.translate_batch(sources[:10], **options)  # warm
    began = resource.getrusage(resource.RUSAGE_SELF)
    answers = translator.translate_batch(sources, **options)
    ended = resource.getrusage(resource.RUSAGE_SELF)
    seconds = ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime
    lines = "".join(" ".join(answer.hypotheses[0]) + "\n" for answer in answers)
    (arguments.folder / "answers.txt").write_text(lines, encoding="utf-8")
    figures = {
        "peer": f"ctranslate2 {ctranslate2.__version__}",
        "measured": "decode",
        "beam": arguments.beam,
        "words": len(sources),
        "cpu_seconds": round(seconds, 3),
        "words_per_cpu_second": round(len(sources) / seconds, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
