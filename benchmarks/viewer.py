"""Size, times and memory of the attention page and of BertViz's, for the same attention.

    python benchmarks/viewer.py [--model FOLDER] [--tokens 16 64 128 256 512] [--bertviz 16 64 128] [--scripts FOLDER] [--capture]

The attention is 12 × 12 heads: a Hugging Face encoder's (``--model``) over as many texts as give 12 layers, or drawn at random, which
compresses less. BertViz is measured where it is installed; its pages load three scripts from the network, in whose place those of the folder
``--scripts`` are served (``require.js``, ``d3.min.js``, ``jquery.min.js``). Above 128 tokens its pages need gigabytes of memory.
``--capture`` measures the cost of capture in a forward. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ladder import machine

from seqwright.viewer import AttentionRecord, Pass

LAYERS, HEADS, TIMES = 12, 12, 5
PROSE = (Path(__file__).parents[1] / "examples" / "data" / "shakespeare.txt").read_text(encoding="utf-8")


def drawn(tokens: int) -> tuple[list[str], np.ndarray]:
    """Return random attention with the average sharpness of trained heads."""
    scores = 2 * np.random.default_rng(0).normal(size=(LAYERS, HEADS, tokens, tokens)).astype(np.float32)
    raised = np.exp(scores)
    return [f"token{index}" for index in range(tokens)], raised / raised.sum(-1, keepdims=True)


def model_attention(folder: str) -> Callable[[int], tuple[list[str], np.ndarray]]:
    """Return a function that stacks the attention of a model over several texts until there are enough layers."""
    from seqwright.huggingface import attention
    from seqwright.huggingface.loading import load_model, load_tokenizer

    model, tokenizer = load_model(folder), load_tokenizer(folder)
    tokenizer.model_max_length = 10**9
    words = PROSE.split()

    def attended(tokens: int) -> tuple[list[str], np.ndarray]:
        found: list[np.ndarray] = []
        names: list[str] = []
        start = 0
        while sum(map(len, found)) < LAYERS:
            size = tokens
            while len(tokenizer(" ".join(words[start : start + size]))["input_ids"]) > tokens:
                size -= 1
            text = words[start : start + size]
            while len(tokenizer(" ".join(text))["input_ids"]) < tokens:
                text.append("so")
            record = attention(model, tokenizer, " ".join(text), projections=False).records[0]
            found.append(record.weights[:, :HEADS])
            names, start = list(record.tokens), start + size
        return names, np.concatenate(found)[:LAYERS]

    return attended


def opened(browser: Any, path: Path, scripts: Path | None, ready: str) -> tuple[Any, float]:
    """Return a page, and the milliseconds to its first picture."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(180_000)
    if scripts is not None:
        for part, name in (("require", "require.js"), ("d3", "d3.min.js"), ("jquery", "jquery.min.js")):
            page.route(f"**/*{part}*.js", partial(_served, scripts / name))
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector(ready, state="attached")
    first = "performance.getEntriesByName('seqwright:first')[0]?.startTime ?? performance.now()"
    return page, page.evaluate(first)


def _served(file: Path, route: Any) -> None:
    route.fulfill(path=file)


def heap(page: Any) -> float:
    """Return the megabytes of the page's JavaScript heap, without its text."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return found["JSHeapUsedSize"] / 1e6


def ours(browser: Any, folder: Path, names: Sequence[str], weights: np.ndarray) -> dict[str, float]:
    record = AttentionRecord(tokens=names, kind="encoder", weights=weights)
    began = time.perf_counter()
    path = Pass("", (record,)).html(folder / "ours.html")
    wrote = time.perf_counter() - began
    firsts, switches, used = [], [], []
    for _ in range(3):
        page, first = opened(browser, path, None, "main[aria-busy=false]")
        firsts.append(first)
        page.keyboard.press("2")  # one head
        page.wait_for_selector("main[aria-busy=false]")
        for _ in range(8):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(150)
        took = page.evaluate("performance.getEntriesByName('seqwright:head').map(each => each.duration)")
        switches += took[-6:]
        used.append(heap(page))
        page.close()
    return {
        "MB": path.stat().st_size / 1e6,
        "write s": wrote,
        "first ms": median(firsts),
        "switch ms": median(switches),
        "heap MB": median(used),
    }


def bertviz(
    browser: Any, folder: Path, names: Sequence[str], weights: np.ndarray, scripts: Path | None
) -> dict[str, float] | None:
    try:
        from bertviz import head_view
    except ImportError:
        return None
    import torch

    layers = [torch.from_numpy(layer)[None] for layer in weights]
    began = time.perf_counter()
    path = folder / "bertviz.html"
    path.write_text(head_view(layers, list(names), html_action="return").data)
    found = {"MB": path.stat().st_size / 1e6, "write s": time.perf_counter() - began}
    if scripts is None:
        return found
    firsts, switches, used = [], [], []
    for _ in range(1 if len(names) > 100 else 3):
        page, first = opened(browser, path, scripts, "#vis svg line")
        firsts.append(first)
        for layer in range(1, 5):
            began = page.evaluate("performance.now()")
            page.select_option("#layer", str(layer))
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            switches.append(page.evaluate("performance.now()") - began)
        used.append(heap(page))
        page.close()
    return found | {"first ms": median(firsts), "switch ms": median(switches), "heap MB": median(used)}


def capture() -> dict[str, float]:
    """Return the time of a forward with capture of all layers or one layer, relative to one without."""
    import torch

    import seqwright as sw
    from seqwright.viewer.capture import PARTS, Capture, attention_paths

    torch.set_num_threads(1)
    inner = sw.FeedForwardSpec(inner=1024)
    heads = sw.AttentionSpec(heads=8, mask=sw.CausalMask())
    spec = sw.TransformerSpec(
        width=256, embedding=sw.TokenEmbedding(vocabulary=64), head=sw.SymbolHead(outputs=64),
        decoder=sw.StackSpec(
            blocks=sw.BlockSpec(feedforward=inner, mixer=heads), layers=6, position=sw.RotaryPosition()
        ),
    )  # fmt: skip
    model = sw.build(spec).eval()
    ids = sw.Tokens.of([torch.randint(64, (256,)).tolist()])
    every = tuple(range(8))
    paths = attention_paths(model.probe_names())["decoder"]

    def captured(layers: Sequence[int], parts: Sequence[str] = PARTS) -> Callable[[], object]:
        return lambda: model(ids, probe=Capture({paths[layer]: every for layer in layers}, parts))

    ways: dict[str, Callable[[], object]] = {
        "off": lambda: model(ids), "one layer": captured([3]), "one layer, weights": captured([3], ("weights",)),
        "all layers, weights": captured(range(6), ("weights",)), "all layers": captured(range(6)),
    }  # fmt: skip
    took: dict[str, list[float]] = {way: [] for way in ways}
    with torch.no_grad():
        for _ in range(4 + 10 * TIMES):
            for way, run in ways.items():
                began = time.perf_counter()
                run()
                took[way].append(time.perf_counter() - began)
    plain = took["off"][4:]
    return {way: round(median(a / b for a, b in zip(took[way][4:], plain, strict=True)), 2) for way in ways}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a Hugging Face encoder's folder")
    parser.add_argument("--tokens", type=int, nargs="+", default=[16, 64, 128, 256, 512])
    parser.add_argument(
        "--bertviz", type=int, nargs="*", default=[16, 64, 128], help="the numbers of tokens at which it is measured"
    )
    parser.add_argument("--scripts", type=Path)
    parser.add_argument("--capture", action="store_true")
    arguments = parser.parse_args()
    print(machine("cpu"), flush=True)
    result: dict[str, Any] = {"measured": "viewer", "attention": arguments.model or "drawn"}
    if arguments.capture:
        result["capture, times a forward"] = capture()
    from playwright.sync_api import sync_playwright

    attended = model_attention(arguments.model) if arguments.model else drawn
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    print(f"{'tokens':>6} {'':8} {'MB':>8} {'write s':>8} {'first ms':>9} {'switch ms':>9} {'heap MB':>8}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for tokens in arguments.tokens:
            names, weights = attended(tokens)
            result[str(tokens)] = {}
            for tool in ("ours", "bertviz"):
                if tool == "bertviz" and tokens not in arguments.bertviz:
                    continue
                browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
                measured = ours(browser, Path(folder), names, weights) if tool == "ours" else bertviz(browser, Path(folder), names, weights, arguments.scripts)  # fmt: skip
                browser.close()
                if measured is None:
                    continue
                result[str(tokens)][tool] = {name: round(value, 2) for name, value in measured.items()}
                cells = [f"{measured.get(name, float('nan')):{width}.2f}" for name, width in (("MB", 8), ("write s", 8), ("first ms", 9), ("switch ms", 9), ("heap MB", 8))]  # fmt: skip
                print(f"{tokens:6} {tool:8} {' '.join(cells)}", flush=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
