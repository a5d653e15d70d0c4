/** The keyboard: views by number, heads by arrows, tokens by j and k, and a sheet that lists the keys. */

import { stepHead } from "./choice.js";
import { make } from "./dom.js";
import { change, state } from "./state.js";

const KEYS = [
  ["1 … 7", "the views"],
  ["← →", "previous, next head"],
  ["↑ ↓", "previous, next layer"],
  ["j k", "next, previous token"],
  ["Tab", "into a picture, where arrows move and Enter pins or opens"],
  ["Esc", "clear all pins"],
  ["/", "search heads"],
  ["l", "lines, matrix or both"],
  ["w", "words or pieces"],
  ["h", "hide or show special tokens"],
  ["+ −", "zoom the matrix"],
  ["t", "light, dark or system theme"],
  ["?", "these keys"],
];

export function keySheet() {
  const rows = KEYS.map(([keys, does]) => make("div", {}, make("dt", {}, keys), make("dd", {}, does)));
  return make(
    "dialog",
    { class: "sheet", "aria-label": "Keys" },
    make("h2", {}, "Keys"),
    make("dl", {}, rows),
    make("form", { method: "dialog" }, make("button", {}, "Close")),
  );
}

const next = (values, now) => values[(values.indexOf(now) + 1) % values.length];
export const nextTheme = () => change({ theme: next(["", "light", "dark"], state.theme) });

/** Handle keys; `views` are in the order of their numbers, `step(by)` goes to another token, `search()` to the search box. */
export function listenToKeys({ views, step, search, sheet }) {
  const does = {
    ArrowLeft: () => stepHead(0, -1),
    ArrowRight: () => stepHead(0, 1),
    ArrowUp: () => stepHead(-1, 0),
    ArrowDown: () => stepHead(1, 0),
    j: () => step(1),
    k: () => step(-1),
    Escape: () => change({ pins: [] }),
    "/": search,
    "?": () => sheet.showModal(),
    l: () => change({ form: next(["both", "lines", "matrix"], state.form) }),
    w: () => change({ words: !state.words }),
    h: () => change({ hide: !state.hide }),
    "+": () => change({ zoom: state.zoom * 2 }),
    "=": () => change({ zoom: state.zoom * 2 }),
    "-": () => change({ zoom: state.zoom / 2 }),
    t: nextTheme,
    ...Object.fromEntries(views.map((view, i) => [String(i + 1), () => change({ view: view.name })])),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const inside = event.target.closest?.("input, select, textarea, [role=tablist]");
    const types = inside?.matches("select, textarea, input:not([type=radio], [type=checkbox], [type=range])");
    if (event.key === "Escape" && inside) return inside.blur?.();
    if (types || (inside && event.key.startsWith("Arrow")) || !(event.key in does)) return;
    does[event.key]();
    event.preventDefault();
  });
}
