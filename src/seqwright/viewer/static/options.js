/** The options of the page. */

import { AGGREGATES, KINDS, currentRecord, kindsOf, passName, stepHead } from "./choice.js";
import { columnsOf, index } from "./data.js";
import { button, fill, make, refill } from "./dom.js";
import { CHOICES, change, state } from "./state.js";
import { brief, isEastAsian, number } from "./text.js";

const updates = [];

/** Radio buttons for a field. */
function choice(title, field, values, { hidden = () => false, help, now = () => state[field] } = {}) {
  const box = make("fieldset", { class: "choice", title: help }, make("legend", {}, title));
  const inputs = values.map(([value, text]) => {
    const input = make("input", {
      type: "radio",
      name: field,
      value,
      change: () => change({ [field]: typeof state[field] === "number" ? Number(value) : value }),
    });
    box.append(make("label", {}, input, make("span", {}, text)));
    return input;
  });
  updates.push(() => {
    box.hidden = hidden();
    for (const input of inputs) input.checked = String(now()) === input.value;
  });
  return box;
}

/** A select for a field whose values depend on the record. */
function list(title, field, valuesOf, { hidden = () => false, before, after } = {}) {
  const input = make("select", { "aria-label": title, change: () => change({ [field]: input.value }) });
  const box = make(
    "div",
    { class: "field" },
    make("span", {}, title),
    make("span", { class: "stepper" }, before, input, after),
  );
  updates.push(() => {
    box.hidden = hidden();
    const values = valuesOf();
    refill(input, String(values), () => values.map(([value, text]) => make("option", { value }, text)));
    input.value = state[field];
  });
  return box;
}

function check(title, field, { unable = () => "", help }) {
  const input = make("input", { type: "checkbox", change: () => change({ [field]: input.checked }) });
  const box = make("label", { class: "check" }, input, make("span", {}, title));
  updates.push(() => {
    input.checked = state[field];
    input.disabled = Boolean(unable());
    box.title = unable() || help;
    box.hidden = plain();
  });
  return box;
}

const step = (text, label, go) => button(text, { class: "small", "aria-label": label, title: label, click: go });
const same = (...names) => names.map((name) => [name, name]);

/** Whether the view has neither threshold nor words, or no colours of weights. */
const plain = () => state.view === "steps";
const colourless = () => ["steps", "table"].includes(state.view);
const TOKENS = ["head", "token", "compare", "table"];

/** The panel; `updateOptions` makes it show the state. */
export function optionsPanel() {
  const numbers = (all) => [...same(...all.map(String)), ...(all.length > 1 ? Object.entries(AGGREGATES) : [])];
  const passes = index.passes.map((_, pass) => [pass, passName(pass)]);
  const least = make("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    "aria-label": "Threshold",
    input: () => change({ least: Number(((least.value / 100) ** 2).toFixed(4)) }),
  });
  const leastText = make("output");
  const threshold = make("div", { class: "field" }, make("span", {}, "Threshold ", leastText), least);
  updates.push(() => {
    threshold.hidden = plain();
    least.value = Math.round(100 * Math.sqrt(state.least));
    leastText.textContent = state.least ? `≥ ${number(state.least)}` : "all";
  });
  const pins = make("div", { class: "field pins" });
  const more = make("select", {
    "aria-label": "Pin a token",
    change: () => change({ pins: [...state.pins, Number(more.value)] }),
  });
  const chips = make("span", { class: "chips" });
  const side = make("span");
  const none = button("Clear all", { class: "link", click: () => change({ pins: [] }) });
  pins.append(side, chips, more, none);
  updates.push(() => {
    pins.hidden = !TOKENS.includes(state.view);
    none.hidden = state.pins.length < 2;
    const [record, fromQueries] = [currentRecord(), state.side === "query"];
    const tokens = fromQueries ? record.tokens : columnsOf(record);
    side.textContent = fromQueries ? "Pinned queries" : "Pinned keys";
    const off = (pin) => change({ pins: state.pins.filter((other) => other !== pin) });
    fill(
      chips,
      state.pins.map((pin) =>
        button([make("bdi", {}, brief(tokens[pin])), " ×"], { class: "chip", title: "Unpin", click: () => off(pin) }),
      ),
    );
    refill(more, record.id + state.side, () => [
      make("option", { value: "" }, "pin a token …"),
      tokens.slice(0, 2000).map((token, position) => make("option", { value: position }, `${position}: ${brief(token)}`)),
    ]);
    more.value = "";
  });
  const special = () =>
    currentRecord().special.length || currentRecord().columnSpecial.length ? "" : "This text has no special tokens.";
  const words = () =>
    currentRecord().words || currentRecord().columnWords ? "" : "This record has no spans of words.";
  return make(
    "details",
    { class: "options", open: innerWidth > 900 },
    make("summary", {}, "Options"),
    make(
      "div",
      { class: "fields" },
      choice("Pass", "pass", passes, { hidden: () => passes.length < 2 || state.view === "compare" }),
      choice(
        "Attention",
        "kind",
        same(...KINDS.filter((kind) => index.passes.some((_, pass) => kindsOf(pass).includes(kind)))),
        { hidden: () => kindsOf(state.pass).length < 2 },
      ),
      list("Layer", "layer", () => numbers(currentRecord().layers), {
        before: step("▲", "Previous layer (↑)", () => stepHead(-1, 0)),
        after: step("▼", "Next layer (↓)", () => stepHead(1, 0)),
      }),
      list("Head", "head", () => numbers(currentRecord().heads), {
        before: step("◀", "Previous head (←)", () => stepHead(0, -1)),
        after: step("▶", "Next head (→)", () => stepHead(0, 1)),
      }),
      choice(
        "Show",
        "form",
        same("both", "lines", "matrix"),
        { hidden: () => !["head", "compare"].includes(state.view) },
      ),
      pins,
      choice("Several tokens", "join", same("sum", "mean"), {
        hidden: () => state.pins.length < 2 || !TOKENS.includes(state.view),
      }),
      choice("Order", "order", Object.entries({ text: "as in the text", weight: "by weight" }), {
        hidden: () => !["token", "steps"].includes(state.view),
      }),
      threshold,
      check("Words, not pieces", "words", {
        unable: words,
        help: "Attention to the pieces of a word is summed, attention from them averaged",
      }),
      check("Hide special tokens", "hide", {
        unable: special,
        help: "Weights are unchanged: a row may sum to less than 1",
      }),
      choice("Lines run", "flow", Object.entries({ across: "across", along: "along the text" }), {
        hidden: () => state.view !== "head" || state.form === "matrix",
        now: () => state.flow || (isEastAsian(currentRecord().tokens) ? "along" : "across"),
      }),
      choice("Colour scale", "scale", Object.entries({ picture: "picture", root: "√", row: "row", one: "0–1" }), {
        hidden: colourless,
        help: "The strongest colour is the greatest weight of the picture (√: small ones emphasised), of each row, or 1",
      }),
      list("Colours", "palette", () => same(...CHOICES.palette), { hidden: colourless }),
    ),
  );
}

export function updateOptions() {
  for (const update of updates) update();
}
