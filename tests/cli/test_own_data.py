"""One's own data by the command, in this process: every way to write it, every way to ask, and what stands on which stream."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import repeat
from pathlib import Path
from typing import NamedTuple, TextIO

import pytest

import seqwright as sw
from seqwright.cli.main import main
from tests.runs.small import SMALL, command, environment, losses, sets, write_pairs

FEW = sets(*SMALL, "training.steps=2", "evaluation.every=2")
FEW_TEXT = sets("model.width=16", "model.decoder.layers=1", "model.decoder.blocks.feedforward.inner=16", "batching.rows=2",
                "training.steps=2", "evaluation.every=2")  # fmt: skip


class Told(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of a mistake: what and where, and after a semicolon the mend."""
        own = [line for line in self.err.splitlines() if line.startswith("seqwright: ")]
        assert len(own) == 1, self.err
        assert self.err.rstrip("\n").splitlines()[-1] == own[0]
        assert "Traceback" not in self.err
        assert "; " in own[0]
        return own[0]


class Standard(io.StringIO):
    """Bytes on standard input."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = io.BufferedReader(io.BytesIO(content))  # pyright: ignore[reportAttributeAccessIssue]


class Written(io.TextIOWrapper, TextIO):  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
    """A stream to write to, and what was written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)

    def text(self) -> str:
        self.seek(0)
        return self.read()


def tell(*arguments: str | Path, stdin: bytes = b"", out: Written | None = None) -> Told:
    """The command in this process: a start of Python and torch each would take longer than what is tested."""
    out, err = out or Written(), Written()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["seqwright", *map(str, arguments)])
        patch.setattr(sys, "stdin", Standard(stdin))
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Told(code, out.text(), err.text())


def rows(count: int = 40) -> list[tuple[str, str]]:
    draw = random.Random(0)
    words = ["".join(draw.choice("abcd") for _ in range(draw.randint(1, 6))) for _ in range(count)]
    return [(word, word.upper()[::-1]) for word in words]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    told = tell("train", write_pairs(folder / "pairs.tsv"), "--out", folder / "run", *FEW)
    assert told.code == 0, told.err
    return folder / "run"


@pytest.fixture(scope="module")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("to be or not to be\n" * 80)
    told = tell("train", folder / "text.txt", "--text", "--out", folder / "run", *FEW_TEXT)
    assert told.code == 0, told.err
    return folder / "run"


# ---------------------------------------------------------------------- ways to write data

TSV = "".join(f"{source}\t{target}\n" for source, target in rows())
CSV = "word,sound\n" + "".join(f"{source},{target}\n" for source, target in rows())
JSONL = "".join(json.dumps({"w": source, "s": target}) + "\n" for source, target in rows())
FEATURES = "".join(f"{source}\t{target}\tV;{source[0]}\n" for source, target in rows())
COLUMNS = "".join(f"1\t{target}\t{source}\n" for source, target in rows())
NAMED = ["--source-column", "word", "--target-column", "sound"]
KEYED = ["--source-key", "w", "--target-key", "s"]


@pytest.mark.parametrize(
    ("name", "content", "options", "question"),
    [
        ("pairs.tsv", TSV, [], "ab"),
        ("pairs.tsv", "\ufeff" + TSV.replace("\n", "\r\n"), [], "ab"),
        ("pairs.csv", CSV, NAMED, "ab"),
        ("pairs.jsonl", JSONL, KEYED, '{"w":"ab"}'),
        ("features.tsv", FEATURES, [], "ab\tV;a"),
        ("columns.tsv", COLUMNS, ["--source-column", "3", "--target-column", "2"], "ab"),
        ("pairs.tsv", TSV, ["--source-tokens", "graphemes", "--target-tokens", "bytes"], "ab"),
        ("pairs.tsv", TSV, ["--source-tokens", "bpe:12", "--target-tokens", "unigram:12"], "ab"),
        ("pairs.tsv", TSV.replace("a", "é"), ["--normalise", "nfd"], "éb"),
    ],
)
def test_data_is_read_packed_or_not_and_the_run_remembers_how(
    tmp_path: Path, name: str, content: str, options: list[str], question: str
):
    data = tmp_path / f"{name}.gz"
    data.write_bytes(gzip.compress(content.encode()))
    told = tell("train", data, "--out", tmp_path / "run", *options, *FEW)
    assert told.code == 0, told.err
    assert told.err.index("train: ") < told.err.index("settings")
    answered = tell("predict", tmp_path / "run", "-", stdin=f"{question}\n".encode())
    assert answered.code == 0, answered.err
    assert answered.out.count("\n") == 1
    measured = tell("evaluate", tmp_path / "run", data, "--json")
    assert json.loads(measured.out)["rows"] == 40
    (tmp_path / "run" / "result.json").unlink()
    assert tell("train", "--resume", tmp_path / "run").code == 0


def test_a_program_that_asks_line_by_line_is_answered_line_by_line(tmp_path: Path):
    """It waits for each answer before it asks again."""
    data = write_pairs(tmp_path / "pairs.tsv")
    assert tell("train", data, "--out", tmp_path / "run", *FEW).code == 0
    with subprocess.Popen(
        command("predict", tmp_path / "run"),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        for question in ("ab", "c", "dab"):
            asked.stdin.write(question + "\n")
            asked.stdin.flush()
            assert asked.stdout.readline().startswith(f"{question}\t")
        asked.stdin.close()
        assert asked.wait() == 0


@pytest.mark.parametrize(("content", "options"), [(TSV, []), (CSV, NAMED), (JSONL, KEYED)], ids=["TSV", "CSV", "JSONL"])
def test_what_comes_from_standard_input_is_kept(tmp_path: Path, content: str, options: list[str]):
    told = tell("train", "-", "--out", tmp_path / "run", *options, *FEW, stdin=content.encode())
    assert told.code == 0, told.err
    before = losses(tmp_path / "run")
    for name in ("result.json", "last.safetensors", "model.safetensors", "metrics.jsonl"):
        (tmp_path / "run" / name).unlink()
    assert tell("train", "--resume", tmp_path / "run").code == 0
    assert losses(tmp_path / "run") == before


def test_a_mark_and_other_line_ends_change_nothing(tmp_path: Path):
    fingerprints = set()
    for number, content in enumerate((TSV, "\ufeff" + TSV, TSV.replace("\n", "\r\n"))):
        data, run = tmp_path / f"{number}.tsv", tmp_path / f"{number}"
        data.write_bytes(content.encode())
        assert tell("train", data, "--out", run, *FEW).code == 0
        fingerprints.add(json.loads((run / "run.json").read_text())["source"]["fingerprint"])
    assert len(fingerprints) == 1


def test_it_says_what_would_flatter_and_what_would_profit(tmp_path: Path):
    mixed = tmp_path / "mixed.tsv"
    mixed.write_text("".join(f"{source}\u00e9\t{target}e\u0301\n" for source, target in rows()))
    told = tell("train", mixed, "--dev", mixed, "--out", tmp_path / "run", *FEW)
    assert "40 of the 40 dev rows are also in train" in told.err
    assert "try --normalise nfc" in told.err


def test_settings_that_are_printed_can_be_set(tmp_path: Path, run: Path):
    edits = sets("training.max_epochs=1", "model.encoder.position=SinusoidalPosition", "averaging=NoAverage",
                 'model.decoder.position={"type":"LearnedPosition","length":64}', "training.clip=null")  # fmt: skip
    told = tell("train", run.parent / "pairs.tsv", "--out", tmp_path / "run", *FEW, *edits, "--json")
    assert json.loads(told.out)["why"] in ("all 1 epochs are done", "all 2 steps are done")
    recipe = json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]
    assert recipe["model"]["encoder"]["position"]["type"] == "SinusoidalPosition"
    assert recipe["training"]["max_epochs"] == 1
    again = tell("train", run.parent / "pairs.tsv", "--model", tmp_path / "run" / "model.json", "--out",
                 tmp_path / "again", *sets("training.steps=1", "evaluation.every=1"))  # fmt: skip
    assert again.code == 0, again.err
    assert (tmp_path / "again" / "model.json").read_bytes() == (tmp_path / "run" / "model.json").read_bytes()


# ---------------------------------------------------------------------- ways to ask

LINES = ["ab", "abcdabcd", "", "xy", "dcba", "aZb", "xyz", "c"]


def test_answers_keep_the_order_and_do_not_depend_on_their_neighbours(run: Path):
    told = tell("predict", run, "-", stdin="".join(f"{line}\n" for line in LINES).encode())
    answered = told.out.splitlines()
    assert [line.split("\t")[0] for line in answered] == LINES
    loaded = sw.load(run)
    assert [line.split("\t")[1] for line in answered] == [loaded.predict([line])[0] for line in LINES]


def test_unknown_symbols_are_told_once(run: Path):
    told = tell("predict", run, "-", stdin="".join(f"{line}\n" for line in LINES * 3).encode())
    assert told.code == 0
    assert told.err.count("were left out") == told.err.count("\n") == 1
    assert "'Z' 3×" in told.err


@pytest.mark.parametrize("content", [b"", b"\n", b"xyz", b"\xef\xbb\xbfab\r\n"])
def test_little_is_asked(run: Path, content: bytes):
    told = tell("predict", run, "-", stdin=content)
    assert told.code == 0
    assert told.out.count("\n") == bool(content)


def test_answers_come_before_the_questions_end(run: Path):
    def endless() -> Iterator[str]:
        yield from repeat("abc")

    answers = sw.load(run).answers(endless(), window=8)
    assert next(answers) == next(answers)


def test_the_best_come_first_with_their_scores(run: Path):
    told = tell("predict", run, "-", "--beam", "4", "--answers", "3", stdin=b"ab\ncd\n")
    cells = [line.split("\t") for line in told.out.splitlines()]
    assert [(cell[0], cell[2]) for cell in cells] == [(q, rank) for q in ("ab", "cd") for rank in "123"]
    scores = [float(cell[3]) for cell in cells]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    told = tell("predict", run, "-", "--beam", "4", "--answers", "3", "--jsonl", stdin=b"ab\ncd\n")
    objects = [json.loads(line) for line in told.out.splitlines()]
    assert [len(found["answers"]) for found in objects] == [3, 3]
    assert [found["line"] for found in objects] == [1, 2]


def test_a_seed_decides_what_is_drawn(run: Path):
    options = ["--temperature", "1.5", "--top-k", "8", "--top-p", "0.99", "--min-p", "0.001"]
    one, same, other = (tell("predict", run, "-", *options, "--seed", seed, stdin=b"ab\n" * 9).out for seed in "001")
    assert one == same != other


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--beam", "0"], ""),
        (["--beam", "2", "--answers", "5"], "5 answers"),
        (["--answers", "3"], "--answers needs --beam"),
        (["--temperature", "0"], ""),
        (["--temperature", "nan"], ""),
        (["--top-k", "0"], ""),
        (["--top-p", "0"], ""),
        (["--min-p", "2"], ""),
        (["--beam", "2", "--length-penalty", "-1"], ""),
        (["--beam", "2", "--top-k", "3"], "--beam searches"),
        (["--limit", "0"], "--limit 0 is too few"),
        (["--device", "tpu"], "--device tpu is not known"),
    ],
)
def test_a_mistake_in_asking_is_one_line(run: Path, options: list[str], told: str):
    found = tell("predict", run, "-", *options, stdin=b"ab\n")
    assert (found.code, found.out) == (2, "")
    assert told in found.line


@pytest.mark.parametrize("option", ["--beam", "--temperature", "--top-k", "--top-p"])
def test_a_value_out_of_range_is_named_by_its_option(run: Path, option: str):
    found = tell("predict", run, "-", option, "0", stdin=b"ab\n")
    assert f"{option} 0" in found.line
    assert "to_json" not in found.line


@pytest.mark.parametrize("content", [b"\xff\n", b"ab\na\0b\n"])
def test_what_is_no_text_is_refused_with_its_line(run: Path, content: bytes):
    found = tell("predict", run, "-", stdin=content)
    assert found.code == 2
    assert f"standard input:{content.count(10)}: " in found.line


def test_a_seed_that_is_no_seed_is_a_mistake(run: Path):
    assert tell("predict", run, "-", "--temperature", "1", "--seed", "1" + "0" * 25, stdin=b"ab\n").code == 2


def test_a_reader_that_has_enough_is_no_fault(run: Path):
    class Closed(Written):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    assert "fault of ours" not in tell("predict", run, "-", stdin=b"ab\n", out=Closed()).err


def test_a_row_of_output_is_one_line(tmp_path: Path):
    data = tmp_path / "pairs.jsonl"
    data.write_text(
        "".join(json.dumps({"source": f"{source}\n\t", "target": target}) + "\n" for source, target in rows())
    )
    assert tell("train", data, "--out", tmp_path / "run", *FEW).code == 0
    told = tell("predict", tmp_path / "run", data)
    assert [line.count("\t") for line in told.out.splitlines()] == [1] * 40 or told.code == 2


# ---------------------------------------------------------------------- ways to measure


def test_measures_are_one_object_and_nothing_else(run: Path):
    data = run.parent / "pairs.tsv"
    found = json.loads(tell("evaluate", run, data, "--json", "--beam", "2", "--also", "bleu", "--also", "chrf").out)
    assert {"exact_match", "wer", "per", "loss", "rows", "intervals", "bleu", "chrf"} <= set(found)
    assert found["wer"] == 1 - found["exact_match"]
    assert {"exact_match", "wer", "per", "loss"} <= set(found["intervals"])


def test_measures_for_people_and_a_page(run: Path, tmp_path: Path):
    told = tell("evaluate", run, run.parent / "pairs.tsv", "--html", tmp_path / "page.html")
    assert told.code == 0
    assert "exact match" in told.out
    assert "</html>" in (tmp_path / "page.html").read_text()


def test_a_page_that_cannot_be_written_is_a_mistake(run: Path, tmp_path: Path):
    told = tell("evaluate", run, run.parent / "pairs.tsv", "--html", tmp_path / "nowhere" / "page.html")
    assert told.code == 2
    assert "page.html" in told.line


@pytest.mark.parametrize("options", [["--beam", "0"], ["--also", "foo"], ["--device", "tpu"]])
def test_a_mistake_in_measuring_is_one_line(run: Path, options: list[str]):
    told = tell("evaluate", run, run.parent / "pairs.tsv", *options)
    assert (told.code, told.out) == (2, "")
    assert told.line


def test_unknown_symbols_do_not_flood(run: Path, tmp_path: Path):
    data = tmp_path / "other.tsv"
    data.write_text("".join(f"{chr(0x4E00 + n)}a\t{chr(0x5E00 + n)}\n" for n in range(100)))
    told = tell("evaluate", run, data, "--json")
    assert json.loads(told.out)["exact_match"] == 0
    assert 0 < len(told.err) < 400


# ---------------------------------------------------------------------- running text


def test_prompts_are_continued_however_long(text_run: Path):
    prompts = ["to", "to be or not " * 30, "be"]
    told = tell("predict", text_run, "-", "--limit", "5", "--jsonl", stdin="\n".join(prompts).encode())
    found = [json.loads(line) for line in told.out.splitlines()]
    assert [answer["prompt"] for answer in found] == prompts
    assert all(len(answer["answers"][0]["text"]) == 5 for answer in found)


@pytest.mark.parametrize("content", [b"\n", b"to\n\nbe\n", b"ZZ\n"])
def test_a_prompt_without_symbols_is_no_fault(text_run: Path, content: bytes):
    told = tell("predict", text_run, "-", "--limit", "5", stdin=content)
    assert told.code in (0, 2)
    assert "fault of ours" not in told.err


def test_text_is_measured(text_run: Path):
    found = json.loads(tell("evaluate", text_run, text_run.parent / "text.txt", "--json").out)
    assert {"loss", "perplexity", "token_accuracy", "rows", "intervals"} <= set(found)


@pytest.mark.parametrize("content", ["t", "ZZZZ"])
def test_text_with_nothing_to_foretell_has_no_measures(text_run: Path, tmp_path: Path, content: str):
    (tmp_path / "other.txt").write_text(content)
    told = tell("evaluate", text_run, tmp_path / "other.txt", "--json")
    assert (told.code, told.out) == (2, "")


@pytest.mark.parametrize("options", [["--html", "page.html"], ["--also", "bleu"], ["--beam", "3"]])
def test_what_text_cannot_be_asked_is_refused(text_run: Path, options: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(text_run.parent)
    assert tell("evaluate", text_run, "text.txt", *options).code == 2


@pytest.mark.parametrize("edits", [["model.decoder.position.length=100"], ["model.decoder.position=RotaryPosition"]])
def test_a_text_model_goes_on_with_stretches_as_long_as_before(tmp_path: Path, edits: list[str]):
    (tmp_path / "text.txt").write_text("to be or not to be, that is\n" * 80)
    told = tell("train", tmp_path / "text.txt", "--text", "--out", tmp_path / "run", *FEW_TEXT, *sets(*edits))
    assert told.code == 0, told.err
    before = losses(tmp_path / "run")
    for name in ("result.json", "last.safetensors", "model.safetensors", "metrics.jsonl"):
        (tmp_path / "run" / name).unlink()
    assert tell("train", "--resume", tmp_path / "run").code == 0
    assert losses(tmp_path / "run") == before
