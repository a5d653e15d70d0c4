"""Each example of an idea from outside, through the verbs of the command line, as its docstring shows."""

from __future__ import annotations

import ast
import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

import seqwright as sw
from examples.extend.gru_attention import GRUAttention
from examples.extend.lion import Lion
from examples.extend.rotate import Rotate
from examples.extend.short_memory import SHORT_MEMORY
from seqwright.core.probe import Edit
from seqwright.runs import train as training
from seqwright.training.ensemble import Ensemble
from seqwright.training.objective import CrossEntropy
from seqwright.training.trainer import SingleModel, TrainingSpec, fit
from tests.cli.test_own_data import FEW, FEW_TEXT, rows, tell
from tests.runs.small import seqwright, sets, write_pairs

ROOT = Path(__file__).parent.parent.parent
EXTEND = ROOT / "examples" / "extend"
EXAMPLES = sorted(EXTEND.glob("*.py"))
FEW_GRU = sets("model.width=16", "training.steps=6", "evaluation.every=2", "batching.tokens=120")
TINY = sets("steps=2", "batch=4", "train=40", "test=6", "width=8")


def example(name: str) -> list[str | Path]:
    return ["--import", EXTEND / f"{name}.py"]


def weights_of(page: Path, kind: str) -> np.ndarray:
    """Return the weights of the first head of a page, ``[q k]``."""
    chunk = re.search(rf'<script type="text/plain" id="p0-{kind}-w-0-0">(.*?)</script>', page.read_text())
    index = re.search(r'<script type="application/json" id="index">(.*?)</script>', page.read_text())
    assert chunk is not None
    assert index is not None
    (record,) = (each for each in json.loads(index[1])["passes"][0]["records"] if each["kind"] == kind)
    data = zlib.decompress(base64.b64decode(chunk[1]))
    queries = len(record["tokens"])
    greatest = np.frombuffer(data[: 4 * queries], "<f4")
    return np.frombuffer(data[4 * queries :], np.uint8).reshape(queries, -1) * greatest[:, None] / 255


def verdicts(told: str) -> dict[str, str]:
    return {each["check"]: each["verdict"] for each in json.loads(told)["findings"]}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.tsv")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("to be or not to be\n" * 80)
    return path


@pytest.fixture(autouse=True, scope="module")
def _no_page() -> Iterator[None]:
    """Leave out the page of curves, which takes far longer than such a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "write_curves", lambda *arguments: None)
        yield


def trained(data: Path, out: Path, *arguments: str | Path) -> Path:
    found = tell("train", data, "--out", out, *arguments)
    assert found.code == 0, found.err
    return out


# ---------------------------------------------------------------------- the files


def test_there_are_ten_and_each_is_short():
    assert len(EXAMPLES) == 10
    assert {
        path.name: len(path.read_text().splitlines()) for path in EXAMPLES if len(path.read_text().splitlines()) >= 80
    } == {}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_shows_its_command_and_uses_what_is_public(path: Path):
    tree = ast.parse(path.read_text())
    assert f"seqwright --import examples/extend/{path.name} " in (ast.get_docstring(tree) or "")
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [
        part for node in imported for part in (*(node.module or "").split("."), *(each.name for each in node.names))
    ]
    assert not [name for name in names if name.startswith("_")]
    assert "examples" not in names


def test_the_package_knows_no_example():
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in modules if name.partition(".")[0] == "examples"], path


# ---------------------------------------------------------------------- parts of a transformer


def test_a_band_mask_leaves_nothing_outside_its_band(pairs: Path, tmp_path: Path):
    mask = sets('model.encoder.blocks.mixer.mask={"type":"BandMask","width":2}')
    run = trained(pairs, tmp_path / "run", *example("band_mask"), *FEW, *mask)
    page = tmp_path / "page.html"
    assert tell(*example("band_mask"), "attention", run, "--source", "abcdabcd", "-o", page).code == 0
    weights = weights_of(page, "encoder")
    away = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))  # eight symbols, START and END
    assert (weights[away > 2] == 0).all()
    assert (weights[away <= 2] > 0).all()


def test_a_gated_feed_forward_trains_and_computes_its_formula(text: Path, tmp_path: Path):
    width = [each for each in FEW_TEXT if "feedforward" not in each and each != "--set"]
    gated = ['model.decoder.blocks.feedforward={"type":"SwiGLU","inner":10}']
    run = trained(text, tmp_path / "run", "--text", *example("swiglu"), *sets(*width, *gated))
    part = sw.load(run).model.decoder.blocks[0].feedforward
    x = torch.randn(1, 2, 16)
    found, losses = part(x, torch.tensor([[0, 1]]))
    inner = (x @ part.gate.weight.T) * (x @ part.gate.weight.T).sigmoid() * (x @ part.widen.weight.T)
    torch.testing.assert_close(found, inner @ part.narrow.weight.T)
    assert losses == {}


def test_a_recurrent_mixer_reads_the_past_in_order_and_nothing_of_the_future(text: Path, tmp_path: Path):
    edits = sets("model.decoder.blocks.mixer=GRUMixer", "model.decoder.position=NoPosition")
    run = trained(text, tmp_path / "run", "--text", *example("gru_mixer"), *FEW_TEXT, *edits)
    found = tell(*example("gru_mixer"), *example("short_memory"), "doctor", run, "--json")
    assert found.code == 0, found.out
    passed = {check for check, verdict in verdicts(found.out).items() if verdict == "pass"}
    assert passed >= {"future-leak", "past-blocked", "padding-leak", "order-blind", "cache-mismatch", "batch-mixing"}
    assert verdicts(found.out)["short-memory"] == "warn"  # one vector, after 32 tokens of an untrained recurrence
    told = tell(*example("gru_mixer"), "predict", run, "-", "--limit", "80", stdin=b"to be")
    assert len(told.out) >= 80  # longer than the 64 tokens that are read at once


# ---------------------------------------------------------------------- an optimiser


def test_lion_moves_every_element_by_the_rate():
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = Lion(decay=0.1).build({"weight": parameter}, 0.01)
    parameter.grad = torch.tensor([5.0, -1e-6, 0.0])
    optimizer.step()
    torch.testing.assert_close(
        parameter.detach(), torch.tensor([1.0, -2.0, 3.0]) * 0.999 - torch.tensor([0.01, -0.01, 0.0])
    )


def test_a_stopped_run_with_lion_goes_on_to_the_same_bytes(pairs: Path, tmp_path: Path):
    options = [*FEW, *sets("training.optimiser=Lion", "training.steps=5"), *example("lion")]
    whole = trained(pairs, tmp_path / "whole", *options)
    stopped = trained(pairs, tmp_path / "stopped", *options, "--max-minutes", "0.0000001")
    assert tell("train", "--resume", stopped, "--max-minutes", "1", *example("lion")).code == 0
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("spec", "optimiser"),
    [(GRUAttention(width=8, dropout=0, source_symbols=6, symbols=6, outputs=5), Lion())],
    ids=["gru-lion"],
)
def test_models_trained_as_one_are_those_trained_alone(spec: GRUAttention, optimiser: Lion):
    vocabulary = sw.Vocabulary(("a", "b", "c"))
    batch = vocabulary.batch([sw.Pair.of("abc", "cba"), sw.Pair.of("b", "b")])
    plan = TrainingSpec(steps=4, rate=0.01, objective=CrossEntropy(ignore=vocabulary.pad), optimiser=optimiser)
    ensemble = Ensemble(spec, (3, 4))
    fit(ensemble, iter([ensemble.lay_out(batch)] * 4), plan)
    for index, seed in enumerate((3, 4)):
        model = sw.build(spec, seed=seed)
        fit(SingleModel(model.train()), iter([batch] * 4), plan)
        for one, other in zip(model.parameters(), ensemble.member(index).parameters(), strict=True):
            torch.testing.assert_close(one, other)


# ---------------------------------------------------------------------- a whole family


@pytest.fixture(scope="module")
def gru(pairs: Path) -> Path:
    return trained(pairs, pairs.parent / "gru", *example("gru_attention"), "--model", "GRUAttention", *FEW_GRU)


def test_the_family_trains_and_resumes_to_the_same_bytes_in_another_process(gru: Path, pairs: Path):
    run = pairs.parent / "stopped"
    options = ["--out", run, *FEW_GRU, "--model", "GRUAttention", "--max-minutes", "0.0000001"]
    seqwright(*example("gru_attention"), "train", pairs, *options)
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["recipe"]["model"] | {"width": 0} == {
        "type": "GRUAttention", "width": 0, "dropout": 0.2, "source_symbols": 7, "symbols": 7, "outputs": 6,
    }  # fmt: skip
    assert [each["name"] for each in manifest["imports"]] == ["gru_attention.py"]
    seqwright("train", "--resume", run, "--max-minutes", "1", *example("gru_attention"))
    assert (run / "model.safetensors").read_bytes() == (gru / "model.safetensors").read_bytes()
    assert (run / "metrics.jsonl").read_bytes() == (gru / "metrics.jsonl").read_bytes()


def test_the_family_answers_by_beam_and_is_evaluated(gru: Path, pairs: Path):
    told = tell("predict", gru, "-", "--beam", "3", "--answers", "3", stdin=b"abc\nd\n")
    assert told.code == 0, told.err
    assert len(told.out.splitlines()) == 6
    assert {line.partition("\t")[0] for line in told.out.splitlines()} == {"abc", "d"}
    measured = json.loads(tell("evaluate", gru, pairs, "--json").out)
    assert measured["rows"] == 60
    assert 0 < measured["loss"] < 3


def test_the_family_is_healthy(gru: Path):
    found = tell(*example("short_memory"), "doctor", gru, "--json")
    assert found.code == 0, found.out
    assert "fail" not in verdicts(found.out).values()
    assert verdicts(found.out)["cache-mismatch"] == "pass"
    assert verdicts(found.out)["short-memory"] == "pass"  # attention reaches the whole source


def test_the_familys_page_holds_its_alignment(gru: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    assert tell("attention", gru, "--source", "abcd", "--target", "DCBA", "-o", page).code == 0
    weights = weights_of(page, "cross")
    assert weights.shape == (5, 6)  # four symbols and END, from four symbols between START and END
    assert np.allclose(weights.sum(-1), 1, atol=6 / 255)
    model = sw.build(GRUAttention(source_symbols=6, symbols=6, outputs=5)).eval()
    source, target = sw.Tokens.of([[3, 0, 1, 2, 4]]), sw.Tokens.of([[3, 0]])
    first = Edit("decoder.blocks.0.cross.weights", lambda x: torch.eye(5)[:1].expand_as(x))
    before, after = (model(target, source, probe=probe)[0].logits for probe in (sw.Record(), first))
    assert not torch.allclose(before, after)  # an edited alignment is the one that the model goes on with


def test_a_study_compares_the_family_with_a_transformer(tmp_path: Path):
    options = ["--task", "rotate:by=2,symbols=3", "--set", f"families=[{GRUAttention(width=8, dropout=0).to_json()}]"]
    parts = [*example("families"), *example("gru_attention"), *example("rotate")]
    told = tell(
        *parts, "study", "families", *options, *TINY, "--seeds", "2", "--workers", "1", "--out", tmp_path, "--json"
    )
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert [(each["variant"], each["task"]) for each in found["table"]["cells"]] == [
        ("transformer", "rotate"), ("GRUAttention", "rotate"),
    ]  # fmt: skip
    assert [each["part"] for each in found["effects"]] == ["GRUAttention"]
    page = (tmp_path / "report.html").read_text()
    assert "Which family of models learns it?" in page
    assert page.count("GRUAttention") > 2
    help_page = tell(*example("families"), "study", "--help")
    assert "Which family of models learns it?" in help_page.out


# ---------------------------------------------------------------------- a task, a check, a data format


def test_the_task_is_listed_and_its_answers_are_right():
    listed = tell(*example("rotate"), "study", "tasks").out
    assert "rotate" in listed
    assert "moved to the end" in listed
    assert Rotate(by=3).row("a b c d e") == "a b c d e -> d e a b c"
    draw = np.random.default_rng(0)
    assert {len(Rotate().source(2, draw)) for _ in range(9)} == {2}
    with pytest.raises(sw.SeqwrightError, match="no source of length 1"):
        Rotate().source(1, draw)


def test_the_check_is_listed():
    """Above it warns of a recurrence and passes attention."""
    listed = tell(*example("short_memory"), "doctor", "--list").out
    assert f"short-memory             {SHORT_MEMORY.fault}" in listed


def test_a_parquet_file_is_read_by_its_ending(tmp_path: Path):
    table = pa.table({"word": [source for source, _ in rows()], "sound": [target for _, target in rows()]})
    data = tmp_path / "words.parquet"
    parquet.write_table(table, data, row_group_size=7)
    columns = ["--source-column", "word", "--target-column", "sound"]
    run = trained(data, tmp_path / "run", *example("parquet"), *columns, *FEW)
    reading = json.loads((run / "run.json").read_text())["reading"]
    assert reading["format"] == {"type": "Parquet", "source": "word", "target": "sound"}
    assert json.loads(tell("evaluate", run, data, "--json").out)["rows"] == 40
    assert tell("predict", run, data).out.count("\n") == 40
    assert tell("predict", run, "-", stdin=b"ab\n").out.count("\n") == 1


@pytest.mark.parametrize(
    ("column", "told"),
    [(["a", None], "words.parquet:2"), (None, "there is no column source"), ("text", "not a Parquet file")],
    ids=["a null", "no column", "no Parquet"],
)
def test_a_parquet_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, column: list[str | None] | str | None, told: str
):
    data = tmp_path / "words.parquet"
    if isinstance(column, str):
        data.write_text(column)
    else:
        parquet.write_table(
            pa.table({"source" if column else "word": column or ["a"], "target": ["b"] * len(column or "a")}), data
        )
    found = tell(*example("parquet"), "train", data, "--out", tmp_path / "run", *FEW)
    assert found.code == 2
    assert told in found.line
