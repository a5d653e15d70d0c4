"""The page in a real browser: it shows the weights of its records, and treats everything in them as text."""

from __future__ import annotations

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqwright.viewer import AttentionPage, AttentionRecord, Candidate, Pass, Projections, Step
from seqwright.viewer.page import STATIC

VIEWS = ["All heads", "One head", "One token", "Step by step", "Compare", "Generation", "Table"]
SCARED = ["[CLS]", "the", "cat", "chased", "the", "mouse", "because", "it", "was", "sc", "##ared", "[SEP]"]
HUNGRY = ["[CLS]", "the", "cat", "chased", "the", "mouse", "because", "it", "was", "hungry", "[SEP]"]
WORDS = (*((index, index + 1) for index in range(9)), (9, 11), (11, 12))
HOSTILE = [
    "</script><img src=x onerror=alert(1)>", "\"quo'ted\"", "\u202eright to left", "nul\0nul", "x" * 10_000,
    "👩\u200d👩\u200d👧\u200d👦e\u0301", "שלום", "你好", "&amp;<b>", "${x}`", "\u2028", " ", "", "]]>", "a\ud800b",
]  # fmt: skip


def softmax(scores: Any) -> Any:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def record(seed: int, kind: Any, tokens: list[str], source: list[str] | None = None, **more: Any) -> AttentionRecord:
    """Return a record of three layers and four heads with projections; the decoder is masked, the first head biased."""
    random = np.random.default_rng(seed)
    layers, heads, width, queries, keys = 3, 4, 8, len(tokens), len(source or tokens)
    q, k = (random.normal(size=(layers, heads, n, width)) for n in (queries, keys))
    v = random.normal(size=(layers, heads, keys, 6))
    scores = q @ k.swapaxes(-1, -2) * 0.5
    scores[:, 0] += 3 * np.eye(queries, keys, k=-1)
    if kind == "decoder":
        scores = np.where(np.tril(np.ones((queries, keys), dtype=bool)), scores, -np.inf)
    made = Projections(q, k, v, scores, (0.5,) * layers)
    looked = None if source is None else tuple(source)
    return AttentionRecord(
        tokens=tuple(tokens), source_tokens=looked, kind=kind, weights=softmax(scores), projections=made, **more
    )


ONE = record(0, "encoder", SCARED, words=WORDS, special=frozenset({0, 11}))
TWO = record(1, "encoder", HUNGRY, special=frozenset({0, 10}))
TARGET = ["⟨start⟩", "s", "k", "a"]
STEPS = tuple(
    Step(index, token, 0.7, (Candidate(token, 0.7), Candidate("x", 0.2), Candidate("y", 0.1)))
    for index, token in enumerate([*TARGET[1:], "⟨end⟩"])
)
DECODER = record(3, "decoder", TARGET, special=frozenset({0}), steps=STEPS)
CROSS = record(4, "cross", TARGET, list("ʃka"), special=frozenset({0}), steps=STEPS)
BARE = AttentionRecord(
    tokens=("a", "b", "c"), kind="encoder", weights=softmax(np.ones((2, 2, 3, 3))), layers=(3, 7), heads=(1, 5)
)
HEBREW = record(5, "encoder", ["הנה", "משפט", "אחד"])
LONG = AttentionRecord(
    tokens=tuple(f"w{i}" for i in range(600)),
    kind="encoder",
    weights=softmax(3 * np.random.default_rng(6).normal(size=(1, 2, 600, 600))),
)
RECURRENT = AttentionRecord(
    tokens=TARGET, kind="cross", source_tokens=list("ʃka"), weights=CROSS.weights[:1, :1], special=[0], steps=STEPS
)
PAGES = {
    "one": AttentionPage((Pass("A", (ONE,), "tiny"),), "One text"),
    "two": AttentionPage((Pass("A: scared", (ONE,)), Pass("B: hungry", (TWO,))), "Two texts"),
    "generation": AttentionPage((Pass("ska", (record(2, "encoder", list("ʃka")), DECODER, CROSS)),), "Generation"),
    "hostile": AttentionPage((Pass(HOSTILE[0], (record(7, "encoder", HOSTILE),), HOSTILE[0], HOSTILE[0]),), HOSTILE[0]),
    "bare": AttentionPage((Pass("", (BARE,)),)),
    "recurrent": AttentionPage((Pass("", (RECURRENT,)),)),
    "hebrew": AttentionPage((Pass("", (HEBREW,)),)),
    "long": AttentionPage((Pass("", (LONG,)),)),
}

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, page in PAGES.items():
        page.write(folder / f"{name}.html")
    return folder


@pytest.fixture(scope="module")
def window(browser: Any) -> Iterator[Any]:
    """Yield a browser context that may read the clipboard."""
    context = browser.new_context(viewport={"width": 1300, "height": 950}, permissions=["clipboard-read"])
    context.set_default_timeout(8000)
    yield context
    context.close()


@pytest.fixture
def look(window: Any, written: Path) -> Iterator[Open]:
    """Yield a function that opens a page; at the end no request but for files, no error and no dialog may have occurred."""
    wrong: list[str] = []

    def open_(name: str, state: str = "", address: str = "") -> Any:
        page = window.new_page()
        page.on("request", lambda sent: sent.url.startswith(("file:", "data:", "blob:")) or wrong.append(sent.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address or f"{(written / f'{name}.html').as_uri()}#{state}")
        return drawn(page)

    yield open_
    for page in window.pages:
        page.close()
    assert wrong == []


def drawn(page: Any) -> Any:
    """Wait until the page is drawn."""
    from playwright.sync_api import expect

    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return page


def spot(page: Any, board: int, **target: int) -> tuple[float, float]:
    """Return the screen position of a target on a board."""
    return page.evaluate(
        """([at, target]) => {
        const board = seqwright.view().boards()[at];
        board.canvas.scrollIntoView({ block: "center" });
        const { x, y } = board.drawing.spot(target);
        const { left, top } = board.canvas.getBoundingClientRect();
        return [left + x - board.root.scrollLeft, top + y - board.root.scrollTop];
    }""",
        [board, target],
    )


def saved(page: Any, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return Path(download.value.path()).read_bytes()


def rows(page: Any) -> list[list[str]]:
    """Return the rows of the page's CSV."""
    return list(csv.reader(io.StringIO(saved(page, "CSV").decode())))


def matrix(page: Any) -> Any:
    return np.array([list(map(float, row[1:])) for row in rows(page)[1:]])


def close(found: Any, weights: Any, greatest: float = 0) -> bool:
    """Return whether numbers equal weights to half a quantisation step; ``greatest`` is the sum of the greatest of several."""
    return np.abs(np.asarray(found) - weights).max() <= (greatest or weights.max()) / 510 + 1e-6


def same_text(locator: Any, text: str) -> None:
    from playwright.sync_api import expect

    expect(locator).to_have_text(re.compile(text))


@pytest.mark.parametrize("name", ["one", "two", "generation", "hostile", "bare", "recurrent", "hebrew"])
def test_every_view_opens(look: Open, name: str) -> None:
    page = look(name)
    for number, view in enumerate(VIEWS, 1):
        tab = page.get_by_role("tab", name=view)
        tab.click() if number % 2 else page.keyboard.press(str(number))
        drawn(page)
        assert tab.get_attribute("aria-selected") == "true"
        assert page.locator(".host").evaluate("host => host.getBoundingClientRect().height") > 40


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes(look: Open, theme: str) -> None:
    page = look("one", f"theme={theme}")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[theme]
    page.get_by_role("button", name="Theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == {"light": "dark", "dark": ""}[theme]


def test_pointing_at_a_cell_shows_its_weight(look: Open) -> None:
    page = look("one", "view=head&layer=1&head=2&form=matrix")
    for row, column in [(2, 3), (7, 5), (11, 0)]:
        page.mouse.move(*spot(page, 0, row=row, column=column))
        tip = page.locator(".tip")
        same_text(tip, re.escape(f"{SCARED[row]} → {SCARED[column]}"))
        shown = float(re.findall(r"weight ([\d.e-]+)", tip.inner_text())[0])
        assert abs(shown - ONE.weights[1, 2, row, column]) <= ONE.weights[1, 2, row].max() / 510 + 0.0005


def test_pointing_at_a_token_shows_attention_from_it_and_to_it(look: Open) -> None:
    page = look("one", "view=head&layer=1&head=2&form=lines")
    page.mouse.move(*spot(page, 0, row=7))
    strongest = ONE.weights[1, 2, 7].argmax()
    same_text(page.locator(".readout"), f"^“it” attends to: “{SCARED[strongest]}” {ONE.weights[1, 2, 7].max():.3f}")
    page.mouse.move(*spot(page, 0, column=5))
    same_text(page.locator(".readout"), re.escape(f"is attended to by: “{SCARED[ONE.weights[1, 2, :, 5].argmax()]}”"))


def test_pins_stay_add_up_and_are_cleared(look: Open) -> None:
    page = look("one", "view=head&layer=1&head=2&form=lines")
    page.mouse.click(*spot(page, 0, row=7))
    drawn(page)
    page.mouse.click(*spot(page, 0, row=2))
    drawn(page)
    page.mouse.move(5, 5)
    same_text(page.locator(".readout"), re.escape("“it” + “cat” (sum) attend to:"))
    found = rows(page)
    assert found[0] == ["key", "it", "cat", "sum"]
    both = ONE.weights[1, 2, [7, 2]]
    assert close([float(row[3]) for row in found[1:]], both.sum(0), 2)
    page.get_by_label("mean", exact=True).check(force=True)
    drawn(page)
    assert close([float(row[3]) for row in rows(page)[1:]], both.mean(0), 1)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    drawn(page)
    assert page.evaluate("seqwright.state.pins.length") == 0


def test_keys_can_be_pinned(look: Open) -> None:
    page = look("one", "view=head&layer=0&head=3&form=lines")
    page.mouse.click(*spot(page, 0, column=5))
    drawn(page)
    found = rows(page)
    assert found[0] == ["query", "mouse"]
    page.get_by_label("Pin a token").select_option("2")
    drawn(page)
    assert rows(page)[0] == ["query", "mouse", "cat", "sum"]
    assert close([float(row[1]) for row in found[1:]], ONE.weights[0, 3, :, 5])


def test_heads_are_found_and_sorted(look: Open) -> None:
    page = look("one", "list=1")
    search = page.get_by_role("searchbox", name="Search heads")
    heads = page.locator(".list tbody tr th")
    search.fill("previous > 0.3")
    drawn(page)
    assert {text[-2:] for text in heads.all_inner_texts()} == {"H0"}
    search.fill("L1 H2")
    drawn(page)
    assert heads.all_inner_texts() == ["L1 H2"]
    search.fill("distance")
    drawn(page)
    found = rows(page)
    column = [float(row[found[0].index("distance")]) for row in found[1:]]
    assert len(column) == 12
    assert column == sorted(column, reverse=True)
    search.fill("like")
    drawn(page)
    assert heads.count() == 12
    assert page.locator(".list tbody tr").first.get_attribute("class") == "chosen"
    search.fill("nonsense")
    same_text(page.locator(".help"), "No measure is called “nonsense”")


def test_a_head_opens_with_a_click(look: Open) -> None:
    page = look("one")
    page.mouse.move(*spot(page, 0, l=2, h=3))
    same_text(page.locator("aside h2"), "Layer 2 · head 3")
    page.mouse.click(*spot(page, 0, l=2, h=3))
    same_text(page.locator("h2.what"), "Layer 2 · head 3")
    drawn(page)
    assert close(matrix(page), ONE.weights[2, 3])


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("layer=1&head=mean", ONE.weights[1].mean(0)),
        ("layer=max&head=2", ONE.weights[:, 2].max(0)),
        ("layer=mean&head=max", ONE.weights.max(1).mean(0)),
    ],
)
def test_heads_and_layers_are_aggregated(look: Open, state: str, wanted: Any) -> None:
    assert close(matrix(look("one", f"view=table&{state}")), wanted, 1)


def test_pieces_become_words(look: Open) -> None:
    page = look("one", "view=table&layer=1&head=1")
    page.get_by_label("Words, not pieces").check()
    drawn(page)
    columns = np.add.reduceat(ONE.weights[1, 1], [first for first, _ in WORDS], axis=1)
    wanted = np.stack([columns[first:end].mean(0) for first, end in WORDS])
    assert close(matrix(page), wanted, 2)
    assert "scared" in rows(page)[0]


def test_special_tokens_are_hidden_and_weights_unchanged(look: Open) -> None:
    page = look("one", "view=table&layer=1&head=1")
    page.get_by_label("Hide special tokens").check()
    drawn(page)
    assert close(matrix(page), ONE.weights[1, 1, 1:11, 1:11])


def test_the_threshold_leaves_out_smaller_weights(look: Open) -> None:
    page = look("one", "view=table&layer=1&head=1")
    page.get_by_label("Threshold").fill("50")
    drawn(page)
    found = matrix(page)
    assert (found[found > 0] >= 0.25).all()
    assert ((found > 0) == (ONE.weights[1, 1] > 0.25)).mean() > 0.98


def test_the_table_is_a_table(look: Open) -> None:
    page = look("one", "view=table&layer=0&head=2")
    table = page.get_by_role("table")
    assert table.get_by_role("columnheader").all_inner_texts()[1:] == SCARED
    cells = np.array([float(text) for text in table.locator("td").all_inner_texts()]).reshape(12, 12)
    assert np.abs(cells - ONE.weights[0, 2]).max() <= 0.0025
    page.keyboard.press("j")
    drawn(page)
    assert len(page.get_by_role("table").get_by_role("columnheader").all()) == 2


def test_one_token_over_all_heads(look: Open) -> None:
    page = look("one", "view=token&layer=1&head=2&pins=7&order=weight")
    found = rows(page)
    assert close([float(row[1]) for row in found[1:]], ONE.weights[1, 2, 7])
    order = np.argsort(-ONE.weights[1, 2, 7], kind="stable")
    page.evaluate("seqwright.view().reading")
    page.mouse.move(*spot(page, 0, row=0, head=9))
    same_text(page.locator(".tip"), f"L2 H1: {SCARED[order[0]]}weight")
    shown = float(page.locator(".tip").inner_text().split()[-1])
    assert close(shown, ONE.weights[2, 1, 7, order[0]], 1.3)
    page.mouse.click(*spot(page, 0, row=0, head=9))
    same_text(page.locator("h2.what"), "Layer 2 · head 1")


def test_step_by_step_adds_up(look: Open) -> None:
    page = look("generation", "view=steps&kind=decoder&layer=1&head=2&pins=2")
    assert page.locator(".sums li").count() == 4
    made = DECODER.projections
    assert made is not None
    for key, row in enumerate(rows(page)[1:]):
        dot = float(made.queries[1, 2, 2] @ made.keys[1, 2, key])
        assert float(row[1]) == pytest.approx(dot, abs=0.02)
        assert float(row[2]) == pytest.approx(dot / 2, abs=0.01)
        assert float(row[4]) == pytest.approx(float(made.scores[1, 2, 2, key]), abs=0.01)
        assert float(row[5]) == pytest.approx(float(DECODER.weights[1, 2, 2, key]), abs=0.003)


def test_a_bias_is_shown(look: Open) -> None:
    page = look("one", "view=steps&layer=0&head=0&pins=4")
    assert [round(float(row[3]), 1) for row in rows(page)[1:6]] == [0, 0, 0, 3, 0]


def test_missing_projections_are_explained(look: Open) -> None:
    page = look("bare", "view=steps")
    same_text(page.locator(".notice"), "were not recorded")
    page = look("one", "view=steps&head=mean")
    same_text(page.locator(".notice"), "choose one layer and one head")


def test_two_passes_are_compared(look: Open) -> None:
    page = look("two", "view=compare&layer=1&head=2")
    first, second = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    wanted = TWO.weights[1, 2][np.ix_(second, second)] - ONE.weights[1, 2][np.ix_(first, first)]
    found = rows(page)
    assert found[0] == ["query", "key", "A: scared", "B: hungry", "difference"]
    assert np.abs(np.array([float(row[4]) for row in found[1:]]).reshape(10, 10) - wanted).max() <= 2 / 510 + 1e-6
    same_text(page.locator(".host"), "Only in one text.*“sc”, “##ared” of A: scared; “hungry” of B: hungry")
    page.mouse.move(*spot(page, 2, row=7, column=2))
    same_text(page.locator(".readout"), "A: scared: “it” attends to.*B: hungry: “it” attends to")


def test_two_heads_of_one_pass_are_compared(look: Open) -> None:
    page = look("one", "view=compare&layer=1&head=2&layer2=0&head2=3")
    found = np.array([float(row[4]) for row in rows(page)[1:]]).reshape(12, 12)
    assert np.abs(found - (ONE.weights[0, 3] - ONE.weights[1, 2])).max() <= 2 / 510 + 1e-6


def test_a_generation_is_stepped_through(look: Open) -> None:
    page = look("generation", "view=generation&layer=1&head=2")
    same_text(page.locator(".step"), "Step 1 of 4: “s”, 0.700")
    page.get_by_role("button", name="Next step").click()
    same_text(page.locator(".step"), "Step 2 of 4: “k”")
    drawn(page)
    found = rows(page)
    assert found[2:5] == [["candidate", "k", "0.7"], ["candidate", "x", "0.2"], ["candidate", "y", "0.1"]]
    assert close([float(row[2]) for row in found if row[0] == "cross"], CROSS.weights[1, 2, 1])
    assert close([float(row[2]) for row in found if row[0] == "decoder"], DECODER.weights[1, 2, 1])
    page.get_by_role("button", name="Play").click()
    same_text(page.locator(".step"), "Step 3 of 4")
    page.get_by_role("button", name="Pause").click()
    page = look("one", "view=generation")
    same_text(page.locator(".notice"), "Nothing was generated")


def test_everything_is_done_with_keys(look: Open) -> None:
    page = look("one", "layer=0&head=1")
    page.keyboard.press("ArrowRight")
    same_text(page.locator("aside h2"), "Layer 0 · head 2")
    page.keyboard.press("2")
    page.keyboard.press("ArrowUp")
    same_text(page.locator("h2.what"), "Layer 2 · head 2")
    drawn(page)
    board = page.locator(".board:visible").first
    board.focus()
    page.keyboard.press("ArrowDown")
    same_text(page.locator(".readout"), "attends to:")
    before = page.locator(".readout").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator(".readout").inner_text() != before
    page.keyboard.press("Enter")
    drawn(page)
    assert page.evaluate("seqwright.state.pins.length") == 1
    page.keyboard.press("w")
    drawn(page)
    assert page.get_by_label("Words, not pieces").is_checked()
    page.keyboard.press("/")
    drawn(page)
    page.keyboard.type("first")
    drawn(page)
    assert page.evaluate("seqwright.state.find") == "first"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="All heads").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="One head").get_attribute("aria-selected") == "true"


def test_a_link_opens_the_same_state(look: Open) -> None:
    from playwright.sync_api import expect

    page = look("two", "view=head")
    page.evaluate("document.querySelector('[name=pass][value=\"1\"]').click()")
    drawn(page)
    page.get_by_label("Layer", exact=True).select_option("max")
    drawn(page)
    page.mouse.click(*spot(page, 0, column=5))
    expect(page).to_have_url(re.compile("pins=5"))
    expect(page).to_have_url(re.compile("layer=max"))
    read = "JSON.stringify(seqwright.state)"
    again = look("two", address=page.url)
    assert again.evaluate(read) == page.evaluate(read)
    again.evaluate("location.hash = 'view=table&layer=2&head=0'")
    same_text(again.locator("h2.what"), "Layer 2 · head 0")


def test_an_invalid_link_does_no_harm(look: Open) -> None:
    state = "view=x&pass=9&kind=no&layer=<b>&head=-1&pins=a,999,1e9&least=9&zoom=1e9&step=77&beside=9.9&sort=zz&constructor=1"
    page = look("generation", state)
    assert page.evaluate("seqwright.state.view") == "heads"
    assert page.locator("main b").count() == page.locator(".measures b").count()
    page = look("one", "view=head&layer=__proto__&head=constructor")
    assert page.evaluate("[seqwright.state.layer, seqwright.state.head].every(each => /^[0-9]$/.test(each))")


def test_text_from_right_to_left_is_isolated(look: Open) -> None:
    page = look("hebrew", "view=token")
    page.keyboard.press("j")
    assert "\u2068“" in (page.locator(".readout").text_content() or "")


def test_differences_below_the_resolution_are_none(look: Open) -> None:
    page = look("one", "view=compare&layer=1&head=2&layer2=1&head2=2")
    same_text(page.locator(".host"), "left \\+ 0.00[1-9]")


def test_csv_is_copied(look: Open) -> None:
    page = look("one", "view=table&layer=2&head=1")
    page.get_by_role("button", name="Copy CSV").click()
    same_text(page.get_by_role("button", name="Copied"), "Copied")
    copied = list(csv.reader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
    assert copied[0][1:] == SCARED
    assert close([list(map(float, row[1:])) for row in copied[1:]], ONE.weights[2, 1])


@pytest.mark.parametrize(
    ("name", "state"),
    [("one", "heads"), ("one", "head"), ("one", "token"), ("one", "steps"), ("two", "compare"), ("generation", "generation"), ("hostile", "head"), ("hostile", "token")],
)  # fmt: skip
def test_pictures_are_exported(look: Open, name: str, state: str) -> None:
    page = look(name, f"view={state}")
    drawing = saved(page, "SVG")
    root = ET.fromstring(drawing)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.get("width", 0)) > 300
    assert all(not re.match("script|foreignObject", element.tag.split("}")[1]) for element in root.iter())
    hrefs = [element.get("href") for element in root.iter() if element.get("href")]
    assert all(href.startswith("data:image/png;base64,") for href in hrefs)
    picture = saved(page, "PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert width > 300
    assert height > 100


def test_hostile_tokens_are_only_text(look: Open) -> None:
    page = look("hostile", "view=table")
    assert page.title() == HOSTILE[0]
    page.keyboard.press("3")
    drawn(page)
    assert page.locator("#app img, #app script, #app b:not(.step)").count() == 0
    shown = page.locator(".passage .token").all_inner_texts()
    assert shown[0] == "</script><img src=x oner…"
    assert shown[2:4] == ["⟨RLO⟩right to left", "nul␀nul"]
    assert shown[4] == "x" * 24 + "…"
    assert shown[10:13] == ["⏎", "␣", "⟨empty⟩"]
    page.locator(".passage .token").nth(4).hover()
    assert len(page.locator(".tip").inner_text()) < 400
    given = [row[0] for row in rows(page)[1:]]
    assert given[:4] == HOSTILE[:4]


def test_text_from_right_to_left_is_drawn_so(look: Open) -> None:
    page = look("hebrew", "view=head&form=matrix")
    assert spot(page, 0, row=0, column=0)[0] > spot(page, 0, row=0, column=1)[0]
    page.keyboard.press("l")
    page.keyboard.press("l")
    drawn(page)
    assert page.evaluate("seqwright.state.form") == "lines"
    assert spot(page, 0, row=0)[0] > spot(page, 0, column=0)[0]


def test_long_texts_are_drawn_partly(look: Open) -> None:
    page = look("long", "view=head&layer=0&head=1")
    same_text(page.locator("figcaption").first, r"The 1,500 strongest of [\d,]+ lines are drawn")
    height = page.evaluate("Math.max(...seqwright.view().boards().map((board) => board.canvas.height))")
    assert height < 1000
    page.mouse.move(*spot(page, 1, row=333, column=222))
    same_text(page.locator(".tip"), "w33[234] → w22[123]")
    width = page.evaluate("seqwright.view().boards()[1].drawing.width")
    page.keyboard.press("+")
    drawn(page)
    assert page.evaluate("seqwright.view().boards()[1].drawing.width") > 1.7 * width


def test_chosen_layers_keep_their_numbers(look: Open) -> None:
    page = look("bare", "view=head&layer=7&head=5")
    same_text(page.locator("h2.what"), "Layer 7 · head 5")
    page.keyboard.press("ArrowDown")
    same_text(page.locator("h2.what"), "Layer 3 · head 5")


def test_it_works_inside_a_notebook(look: Open, written: Path) -> None:
    outside = written / "notebook.html"
    frame = PAGES["two"].frame()
    outside.write_text(f"<!doctype html><meta charset=utf-8><title>n</title><main aria-busy=false>{frame}</main>", encoding="utf-8")  # fmt: skip
    page = look("notebook")
    inside = page.frame_locator("iframe")
    inside.get_by_role("tab", name="Table").click()
    same_text(inside.get_by_role("columnheader").nth(1), re.escape("[CLS]"))
    with page.expect_download() as download:
        inside.get_by_role("button", name="CSV", exact=True).click()
    assert "chased" in Path(download.value.path()).read_text(encoding="utf-8")


def test_several_heads_are_drawn_at_once(look: Open) -> None:
    page = look("one", "view=head&layer=0&head=1&form=lines&pins=7")
    more = page.get_by_label("Draw another head as well")
    more.select_option("1.2")
    drawn(page)
    more.select_option("2.3")
    drawn(page)
    colours = page.locator(".legend .swatch").evaluate_all("all => all.map((one) => one.style.background)")
    assert len(set(colours)) == 3
    root = ET.fromstring(saved(page, "SVG"))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {f"{ONE.weights[layer, head, 7].max():.3f}" for layer, head in [(0, 1), (1, 2), (2, 3)]} <= texts
    page.get_by_role("button", name="Remove 1.2").click()
    drawn(page)
    assert page.locator(".legend .swatch").count() == 2


def test_it_prints_light_and_whole(look: Open) -> None:
    page = look("long", "view=head&theme=dark&form=lines")
    before = page.evaluate("seqwright.view().boards()[0].canvas.height")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    drawn(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("seqwright.view().boards()[0].canvas.height") > 3 * before
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    drawn(page)
    assert page.evaluate("seqwright.view().boards()[0].canvas.height") == before


def test_it_fits_a_narrow_screen(look: Open) -> None:
    for name in ("two", "hostile", "generation"):
        page = look(name)
        page.set_viewport_size({"width": 360, "height": 800})
        for number in range(1, 8):
            page.keyboard.press(str(number))
            drawn(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, (name, number)


def test_a_head_switch_is_measured(look: Open) -> None:
    page = look("one", "view=head")
    page.keyboard.press("ArrowRight")
    drawn(page)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert page.evaluate("performance.getEntriesByName('seqwright:first').length") == 1
    assert page.evaluate("performance.getEntriesByName('seqwright:head').length") == 1


def test_the_modules_are_listed_and_build_on_earlier_ones() -> None:
    listed = re.findall(r"^- `(\w+)\.js`: ", (STATIC / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in STATIC.glob("*.js"))
    known: dict[str, set[str]] = {}
    for name in listed:
        text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        for names, source in re.findall(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', text, re.MULTILINE):
            assert {each.strip() for each in names.split(",") if each.strip()} <= known[source], (name, source)
        assert "innerHTML" not in text
        known[name] = set(re.findall(r"^export (?:async )?(?:const|function|class) (\w+)", text, re.MULTILINE))
