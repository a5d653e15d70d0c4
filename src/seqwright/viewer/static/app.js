/** The page: its frame, its views, and redrawing after every change of state. */

import { caption, showProgress, statusLines, showReadout } from "./shown.js";
import { currentRecord, passName, normaliseState } from "./choice.js";
import { index } from "./data.js";
import { button, fill, make } from "./dom.js";
import { copy, csvOf, saveCsv, savePng, saveSvg } from "./export.js";
import { Stale } from "./grid.js";
import { keySheet, listenToKeys, nextTheme } from "./keys.js";
import { optionsPanel, updateOptions } from "./options.js";
import { change, listen, state } from "./state.js";
import { stepToken } from "./focus.js";
import { count, cut, isolated, visible } from "./text.js";
import { headsView } from "./heads.js";
import { headView } from "./head.js";
import { tokenView } from "./token.js";
import { stepsView } from "./arithmetic.js";
import { compareView } from "./comparison.js";
import { generationView } from "./generation.js";
import { tableView } from "./table.js";

const VIEWS = [headsView, headView, tokenView, stepsView, compareView, generationView, tableView];
let [request, shownView, inputTime] = [0, null, null];

normaliseState();
const host = make("div", { class: "host" });
const sentence = make("p", { class: "sentence" });
const heading = make("h2", { class: "what" });
const facts = make("p", { class: "quiet facts" });
const notes = make("p", { class: "quiet" });
const sheet_ = keySheet();
const tabs = VIEWS.map(({ name, label }) =>
  button(label, { role: "tab", id: `tab-${name}`, "aria-controls": "picture", click: () => change({ view: name }) }),
);
const tabList = make("div", { class: "tabs", role: "tablist", "aria-label": "Views", keydown: moveTab }, tabs);
const themeButton = button(null, { click: nextTheme });
const done = (pressed, text) => {
  const before = pressed.textContent;
  pressed.textContent = text;
  setTimeout(() => (pressed.textContent = before), 1500);
};
const rows = () => shownView.rows();
const title = () => [visible(index.title), passName(state.pass), caption()].filter(Boolean).join(" · ");
const exportButtons = [
  button("Copy CSV", {
    title: "Copy the numbers shown",
    click: async (event) => done(event.currentTarget, (await copy(csvOf(rows()))) ? "Copied" : "Copy CSV"),
  }),
  button("CSV", { click: () => saveCsv(shownView, rows()) }),
  button("SVG", { class: "picture", click: () => saveSvg(shownView, title()) }),
  button("PNG", { class: "picture", click: () => savePng(shownView, title()) }),
];
const tools = make("div", { class: "tools", role: "group", "aria-label": "Export" }, exportButtons);
const head = make("div", { class: "head" }, heading, tools);
const main = make("main", { id: "picture", role: "tabpanel" }, head, sentence, host, statusLines, notes);
const keysButton = button("?", { "aria-label": "Keys", title: "Keys (?)", click: () => sheet_.showModal() });
const pageTitle = make("div", {}, make("h1", {}, make("bdi", {}, cut(visible(index.title), 120))), facts);
fill(
  document.getElementById("app"),
  make("header", {}, pageTitle, make("div", { class: "tools" }, themeButton, keysButton)),
  tabList,
  make("div", { class: "work" }, optionsPanel(), main),
  sheet_,
);

/** Draw the view of the current state. */
async function render() {
  const own = ++request;
  const fresh = () => own === request;
  normaliseState();
  document.documentElement.dataset.theme = document.body.classList.contains("printing") ? "light" : state.theme;
  themeButton.textContent = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }[state.theme];
  const view = VIEWS.find((one) => one.name === state.view) ?? VIEWS[0];
  tabs.forEach((tab, i) => {
    tab.setAttribute("aria-selected", VIEWS[i] === view);
    tab.tabIndex = VIEWS[i] === view ? 0 : -1;
    if (VIEWS[i] === view && view !== shownView) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  main.setAttribute("aria-labelledby", `tab-${view.name}`);
  const record = currentRecord();
  facts.textContent = [
    index.passes[state.pass].model,
    passName(state.pass),
    count(record.tokens.length, "token"),
    `${count(record.layers.length, "layer")} × ${count(record.heads.length, "head")}`,
    index.passes[state.pass].note,
  ]
    .filter(Boolean)
    .map((text) => isolated(cut(visible(text), 200)))
    .join(" · ");
  updateOptions();
  main.setAttribute("aria-busy", "true");
  if (view !== shownView) {
    host.className = `host view-${view.name}`;
    showReadout("");
    showProgress();
    view.build(host);
    shownView = view;
  }
  sentence.textContent = view.sentence;
  notes.textContent =
    view.name === "steps"
      ? ""
      : [
          state.hide && "Special tokens are hidden and weights unchanged: a row may sum to less than 1.",
          state.words && "Attention to the pieces of a word is summed, attention from them averaged.",
          state.words &&
            [state.layer, state.head].includes("max") &&
            "The maximum is taken over pieces, before they are joined.",
        ]
          .filter(Boolean)
          .join(" ");
  heading.textContent = view.heading ?? caption();
  try {
    await view.draw(fresh);
  } catch (problem) {
    if (problem instanceof Stale || !fresh()) return;
    showProgress(`Drawing failed: ${problem.message}`);
    throw problem;
  }
  if (!fresh()) return;
  for (const each of exportButtons) if (each.className === "picture") each.disabled = !view.boards().length;
  main.setAttribute("aria-busy", "false");
  drawn();
}

/** Mark the first picture, and measure the time from an input to the head that it selected, in the performance timeline. */
function drawn() {
  const start = inputTime;
  inputTime = null;
  if (start == null && performance.getEntriesByName("seqwright:first").length) return;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      if (start == null) performance.mark("seqwright:first");
      else performance.measure("seqwright:head", { start, end: performance.now() });
    };
    port2.postMessage(null);
  });
}

function moveTab(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const position = (VIEWS.findIndex((view) => view.name === state.view) + by + VIEWS.length) % VIEWS.length;
  change({ view: VIEWS[position].name });
  tabs[position].focus();
  event.preventDefault();
}

listen((changed) => {
  if (changed.includes("layer") || changed.includes("head"))
    inputTime ??= window.event?.isTrusted ? window.event.timeStamp : performance.now();
  render();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
for (const event of ["beforeprint", "afterprint"])
  addEventListener(event, () => {
    document.body.classList.toggle("printing", event === "beforeprint"); // light theme, and whole drawings up to a height
    render();
  });
listenToKeys({
  views: VIEWS,
  step: (by) => (shownView.step ? shownView.step(by) : shownView.grid && stepToken(shownView.grid, by)),
  search: () => {
    change({ view: "heads" });
    headsView.find.focus();
  },
  sheet: sheet_,
});
window.seqwright = { state, view: () => shownView };
render();
