/** What can be chosen, beside the picture. */

import { GATHERED, chosen, kindsOf, passName, stepHead } from "./choice.js";
import { columnsOf, index } from "./data.js";
import { fill, make, refill } from "./dom.js";
import { CHOICES, change, state } from "./state.js";
import { brief, isEastAsian, number } from "./text.js";

const updates = [];

/** A few values of a field, one of which is chosen. */
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

/** A list to choose from that depends on the record. */
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

const step = (text, label, go) =>
  make("button", { type: "button", class: "small", "aria-label": label, title: label, click: go }, text);

/** Whether the view shows numbers as they are, or in no colours of weights. */
const plain = () => state.view === "steps";
const colourless = () => ["steps", "table"].includes(state.view);
const TOKENS = ["head", "token", "compare", "table"];

/** The panel; `updateOptions` makes it show the state. */
export function optionsPanel() {
  const numbers = (list_) => () => [
    ...list_().map((n) => [String(n), String(n)]),
    ...(list_().length > 1 ? Object.entries(GATHERED) : []),
  ];
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
  const none = make("button", { type: "button", class: "link", click: () => change({ pins: [] }) }, "Clear all");
  pins.append(side, chips, more, none);
  updates.push(() => {
    pins.hidden = !TOKENS.includes(state.view);
    none.hidden = state.pins.length < 2;
    const [record, looks] = [chosen(), state.side === "query"];
    const tokens = looks ? record.tokens : columnsOf(record);
    side.textContent = looks ? "Pinned, looking" : "Pinned, looked at";
    const off = (pin) => change({ pins: state.pins.filter((other) => other !== pin) });
    fill(
      chips,
      state.pins.map((pin) =>
        make(
          "button",
          { type: "button", class: "chip", title: "Unpin", click: () => off(pin) },
          make("bdi", {}, brief(tokens[pin])),
          " ×",
        ),
      ),
    );
    refill(more, record.id + state.side, () => [
      make("option", { value: "" }, "pin a token …"),
      tokens.slice(0, 2000).map((token, place) => make("option", { value: place }, `${place}: ${brief(token)}`)),
    ]);
    more.value = "";
  });
  const special = () =>
    chosen().special.length || chosen().columnSpecial.length ? "" : "This text has no tokens without text.";
  const words = () =>
    chosen().words || chosen().columnWords ? "" : "This record does not say which pieces make a word.";
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
        ["encoder", "decoder", "cross"]
          .filter((kind) => index.passes.some((_, pass) => kindsOf(pass).includes(kind)))
          .map((kind) => [kind, kind]),
        { hidden: () => kindsOf(state.pass).length < 2 },
      ),
      list(
        "Layer",
        "layer",
        numbers(() => chosen().layers),
        {
          before: step("▲", "Layer before (↑)", () => stepHead(-1, 0)),
          after: step("▼", "Layer after (↓)", () => stepHead(1, 0)),
        },
      ),
      list(
        "Head",
        "head",
        numbers(() => chosen().heads),
        {
          before: step("◀", "Head before (←)", () => stepHead(0, -1)),
          after: step("▶", "Head after (→)", () => stepHead(0, 1)),
        },
      ),
      choice(
        "Show",
        "form",
        [
          ["both", "both"],
          ["lines", "lines"],
          ["matrix", "matrix"],
        ],
        { hidden: () => !["head", "compare"].includes(state.view) },
      ),
      pins,
      choice(
        "Several tokens",
        "join",
        [
          ["sum", "sum"],
          ["mean", "mean"],
        ],
        { hidden: () => state.pins.length < 2 || !TOKENS.includes(state.view) },
      ),
      choice(
        "Order",
        "order",
        [
          ["text", "of the text"],
          ["weight", "by weight"],
        ],
        { hidden: () => !["token", "steps"].includes(state.view) },
      ),
      threshold,
      check("Words, not pieces", "words", {
        unable: words,
        help: "Attention to a word's pieces is summed, attention from them averaged",
      }),
      check("Hide special tokens", "hide", {
        unable: special,
        help: "Weights stay as they are: a row may then sum to less than 1",
      }),
      choice(
        "Lines run",
        "flow",
        [
          ["across", "across"],
          ["along", "along the text"],
        ],
        {
          hidden: () => state.view !== "head" || state.form === "matrix",
          now: () => state.flow || (isEastAsian(chosen().tokens) ? "along" : "across"),
        },
      ),
      choice(
        "Colour scale",
        "scale",
        [
          ["picture", "picture"],
          ["root", "√"],
          ["row", "row"],
          ["one", "0–1"],
        ],
        {
          hidden: colourless,
          help: "The strongest colour is the picture's greatest weight (√: small ones lifted), each row's, or 1",
        },
      ),
      list("Colours", "palette", () => CHOICES.palette.map((name) => [name, name]), { hidden: colourless }),
    ),
  );
}

export function updateOptions() {
  for (const update of updates) update();
}
