"""Word error rates, training speed and decoding speed of Yoyodyne on the same words.

Yoyodyne (CUNY-CL) is the nearest maintained tool. It is installed in a virtual environment of its own and trained on
pronunciations with the settings of its own regression test for Icelandic; its own criterion chooses the checkpoint, and
the test words are answered by generating. One JSON line is printed for each measurement:

    wer     per language and model: the fraction of test words with a wrong answer, greedy and with a beam of five
    train   per model, on the first language: target symbols a CPU second of training
    decode  per model, on the first language: words a CPU second of decoding, greedy and with a beam of five

Every time is CPU seconds, user and system, of the whole process tree on one thread, so that a busy machine does not
change it much. Rates are differences of two runs, a long one and a short one: starting up costs the same in both and
falls out.

    python benchmarks/peers/yoyodyne.py DATA FOLDER [--languages ice gre] [--models rotary lstm] [--quick]

DATA holds `ice_train.tsv`, `ice_dev.tsv`, `ice_test.tsv` and so on (SIGMORPHON 2021, task 1, low resource), rows of
`word<TAB>s y m b o l s`. FOLDER gets the environment and the trained models; what is there already is used again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

VERSION = "0.5.27"
LANGUAGES = ["gre", "ice", "ita", "khm", "lav", "mlt_latn", "rum", "slv"]
KINDS = ["wer", "train", "decode"]

# One network of each kind, as in Yoyodyne's regression tests. Everything else is its default: four attention
# heads, one shared embedding table, an LSTM encoder that reads both ways, one layer in each half of the LSTM.
SIZES = {"embedding_size": 64, "dropout": 0.2, "hidden_size": 256}
MODELS = {
    "rotary": {
        "class_path": "yoyodyne.models.RotaryTransformerModel",
        "encoder": "yoyodyne.models.modules.RotaryTransformerEncoder",
        "layers": 4,
        "warmup_epochs": 10,
    },
    "lstm": {
        "class_path": "yoyodyne.models.SoftAttentionLSTMModel",
        "encoder": "yoyodyne.models.modules.LSTMEncoder",
        "layers": 1,
        "warmup_epochs": None,
    },
}


def network(model: str, beam: int) -> dict:
    chosen = MODELS[model]
    arguments = {
        "source_encoder": {"class_path": chosen["encoder"], "init_args": {**SIZES, "layers": chosen["layers"]}},
        "embedding_size": SIZES["embedding_size"],
        "decoder_dropout": SIZES["dropout"],
        "decoder_hidden_size": SIZES["hidden_size"],
        "decoder_layers": chosen["layers"],
        "label_smoothing": 0.1,
        "beam_width": beam,
        "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}},
    }
    if chosen["warmup_epochs"]:
        arguments["scheduler"] = {
            "class_path": "yoyodyne.schedulers.WarmupInverseSquareRoot",
            "init_args": {"warmup_epochs": chosen["warmup_epochs"]},
        }
    return {"class_path": chosen["class_path"], "init_args": arguments}


def configuration(model: str, folder: Path, beam: int = 1, **data: str) -> dict:
    """Return the settings that fitting and predicting share: the network, the rows and the folders."""
    lengths = {"max_source_length": 32, "max_features_length": 0, "max_target_length": 40}
    return {
        "model": network(model, beam),
        "data": {"model_dir": str(folder), "batch_size": 100, "target_sep": " ", **lengths, **data},
        "trainer": {"accelerator": "cpu", "enable_progress_bar": False},
    }


class Peer:
    """Yoyodyne in an environment of its own, called by its command line on one thread."""

    def __init__(self, folder: Path, torch: str):
        self.bin = folder / "environment" / "bin"
        if not (self.bin / "yoyodyne").exists():
            self.install(folder, torch)

    def install(self, folder: Path, torch: str) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "environment")], check=True)
        # torch first and then held fast: what Yoyodyne itself asks for would bring another build of it
        held = folder / "constraints.txt"
        held.write_text(torch + "\n")
        pip = [str(self.bin / "python"), "-m", "pip", "--quiet"]
        subprocess.run([*pip, "install", torch], check=True)
        subprocess.run([*pip, "install", "--constraint", str(held), f"yoyodyne=={VERSION}"], check=True)
        # two dependencies of dependencies that belong to that other build, fail on import and are not needed
        subprocess.run([*pip, "uninstall", "--yes", "torchvision", "torchaudio"], check=True)

    def run(self, command: str, config: dict, folder: Path, *more: str) -> float:
        """Run one command of Yoyodyne; return the CPU seconds of it and its data loaders."""
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"{command}.yaml"
        written.write_text(json.dumps(config, indent=1))  # JSON is YAML
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(folder / f"{command}.log", "w") as log:
            subprocess.run(
                [str(self.bin / "yoyodyne"), command, "--config", str(written), *more],
                check=True,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def fit(self, model: str, data: Path, language: str, folder: Path, epochs: int, choose: bool = True) -> float:
        """Train; with `choose`, evaluate the dev rows each epoch, stop early and keep the best checkpoint."""
        shutil.rmtree(folder, ignore_errors=True)
        rows = {"train": str(data / f"{language}_train.tsv"), "val": str(data / f"{language}_dev.tsv")}
        config = configuration(model, folder, **rows)
        config["seed_everything"] = 49
        config["trainer"] |= {
            "max_epochs": epochs,
            "gradient_clip_val": 3,
            "default_root_dir": str(folder),
            "logger": {"class_path": "lightning.pytorch.loggers.CSVLogger"},
        }
        if choose:
            config["checkpoint"] = {"filename": "best", "mode": "max", "monitor": "val_accuracy"}
            patience = {"monitor": "val_loss", "patience": 10}
            config["trainer"]["callbacks"] = [
                {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": patience}
            ]
        else:
            config["checkpoint"] = {"save_top_k": 0}
            config["trainer"]["limit_val_batches"] = 0
        return self.run("fit", config, folder)

    def predict(self, model: str, rows: Path, folder: Path, beam: int) -> tuple[list[str], float]:
        """Return the trained model's answer to each word of a file, and the CPU seconds of predicting."""
        (checkpoint,) = folder.glob("lightning_logs/version_*/checkpoints/best.ckpt")
        answers = folder / "answers.txt"
        config = configuration(model, folder, beam, predict=str(rows))
        config["prediction"] = {"path": str(answers)}
        config["trainer"]["logger"] = False
        seconds = self.run("predict", config, folder, "--ckpt_path", str(checkpoint))
        with open(answers, encoding="utf-8", newline="") as file:
            if beam == 1:
                return [line.rstrip("\r\n") for line in file], seconds
            return [row[0] for row in csv.reader(file, delimiter="\t")], seconds


def pairs(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def errors(answers: list[str], path: Path) -> float:
    gold = [target for _, target in pairs(path)]
    assert len(answers) == len(gold), (len(answers), len(gold))
    return sum(ours.split() != right.split() for ours, right in zip(answers, gold, strict=True)) / len(gold)


def report(kind: str, language: str, model: str, **figures: object) -> None:
    line = {"peer": f"yoyodyne {VERSION}", "measured": kind, "language": language, "model": model, **figures}
    print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()}))
    sys.stdout.flush()


def epochs_run(folder: Path) -> int:
    (metrics,) = folder.glob("lightning_logs/version_*/metrics.csv")
    with open(metrics) as file:
        return 1 + max(int(row["epoch"]) for row in csv.DictReader(file))


def parameters(folder: Path) -> int:
    """Return the size of the network, as Yoyodyne logs it."""
    log = (folder / "fit.log").read_text(encoding="utf-8")
    return int(log.split("Trainable parameters:")[1].split()[0].replace(",", ""))


def measure_wer(peer: Peer, data: Path, language: str, model: str, folder: Path, epochs: int) -> None:
    began = time.perf_counter()
    trained = peer.fit(model, data, language, folder, epochs)
    wall = time.perf_counter() - began
    test = data / f"{language}_test.tsv"
    figures: dict[str, object] = {}
    for name, beam in (("greedy", 1), ("beam", 5)):
        answers, seconds = peer.predict(model, test, folder, beam)
        figures |= {f"wer_{name}": errors(answers, test), f"cpu_seconds_{name}": seconds}
    size, ran = parameters(folder), epochs_run(folder)
    report("wer", language, model, **figures, parameters=size, epochs=ran, cpu_seconds_train=trained, wall_seconds=wall)


def measure_training(peer: Peer, data: Path, language: str, model: str, folder: Path, epochs: tuple[int, int]) -> None:
    few, many = (peer.fit(model, data, language, folder, number, choose=False) for number in epochs)
    rows = pairs(data / f"{language}_train.tsv")
    symbols = sum(len(target.split()) + 1 for _, target in rows)  # and the end, which has to be learnt as well
    seconds = (many - few) / (epochs[1] - epochs[0])
    report(
        "train",
        language,
        model,
        cpu_seconds_epoch=seconds,
        symbols_per_cpu_second=symbols / seconds,
        words_per_cpu_second=len(rows) / seconds,
        cpu_seconds=[round(few, 2), round(many, 2)],
        epochs=epochs,
    )


def measure_decoding(peer: Peer, data: Path, language: str, model: str, folder: Path, words: int) -> None:
    if not [*folder.glob("lightning_logs/version_*/checkpoints/best.ckpt")]:
        raise SystemExit(f"decode needs a trained {model}: measure wer of {language} first")
    lines = (data / f"{language}_test.tsv").read_text(encoding="utf-8").splitlines()
    files = {len(lines): folder / "few.tsv", words: folder / "many.tsv"}
    for number, path in files.items():
        path.write_text("".join(lines[i % len(lines)] + "\n" for i in range(number)), encoding="utf-8")
    for name, beam in (("greedy", 1), ("beam", 5)):
        few, many = (peer.predict(model, path, folder, beam)[1] for path in files.values())
        rate = (words - len(lines)) / (many - few)
        seconds = [round(few, 2), round(many, 2)]
        report("decode", language, model, search=name, words_per_cpu_second=rate, cpu_seconds=seconds, words=[*files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with LANGUAGE_train.tsv, LANGUAGE_dev.tsv, LANGUAGE_test.tsv")
    parser.add_argument("folder", type=Path, help="where the environment and the models go")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--measure", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--torch", default="torch==2.13.0", help="the requirement of torch, for pip")
    parser.add_argument("--quick", action="store_true", help="does it run? the figures mean nothing")
    chosen = parser.parse_args()
    folder, data = chosen.folder.resolve(), chosen.data.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    peer = Peer(folder, chosen.torch)
    for model in chosen.models:
        for position, language in enumerate(chosen.languages):
            trained = folder / "models" / f"{language}-{model}"
            if "wer" in chosen.measure:
                measure_wer(peer, data, language, model, trained, epochs=2 if chosen.quick else 50)
            if position == 0 and "train" in chosen.measure:
                speed = folder / "models" / f"{language}-{model}-speed"
                measure_training(peer, data, language, model, speed, epochs=(1, 2) if chosen.quick else (2, 12))
            if position == 0 and "decode" in chosen.measure:
                measure_decoding(peer, data, language, model, trained, words=300 if chosen.quick else 2000)


if __name__ == "__main__":
    main()
