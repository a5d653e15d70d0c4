/** The weights as a table of text, also for screen readers. */

import { caption, gridShown, pinsOf, showReadout, weightRows } from "./shown.js";
import { state } from "./state.js";
import { fill, make } from "./dom.js";
import { full, number } from "./text.js";
import { namesOf } from "./focus.js";

const MAX_COLUMNS = 40;
const MAX_ROWS = 400;
const STRONGEST = 5;

export const tableView = {
  name: "table",
  label: "Table",
  sentence:
    "The weights as text: rows are queries, columns are keys. Pinned tokens are shown alone; of a long text each token's strongest weights are.",

  build(host) {
    this.container = make("div", { class: "wide" });
    fill(host, this.container);
  },

  async draw(fresh) {
    const grid = await gridShown(fresh);
    if (!fresh()) return;
    this.grid = grid;
    const focus = pinsOf(grid);
    showReadout(focus ? `Pinned: ${namesOf(grid, focus)}.` : "");
    const all = weightRows(grid, focus);
    const whole = focus || grid.columns.size <= MAX_COLUMNS;
    const shown = whole ? all : strongestOf(grid);
    const about = focus ? `: ${namesOf(grid, focus)}` : whole ? "" : `: the ${STRONGEST} strongest weights of each token`;
    fill(
      this.container,
      tableOf(shown.slice(0, MAX_ROWS + 1), caption() + about),
      shown.length > MAX_ROWS + 1
        ? make("p", { class: "quiet" }, `The first ${MAX_ROWS} rows of ${shown.length - 1}; the CSV has all.`)
        : null,
    );
  },

  rows() {
    return weightRows(this.grid);
  },

  boards: () => [],
};

/** Rows as a table; the first row has the headings. */
export function tableOf([head, ...rows], title) {
  const heading = (value, scope) =>
    make("th", { scope }, make("bdi", {}, typeof value === "number" ? number(value) : value === "" ? "" : full(value)));
  const cell = (value) =>
    typeof value === "number"
      ? make("td", { class: "number" }, number(value))
      : make("td", {}, make("bdi", {}, full(value)));
  const headings = head.map((value) => heading(value, "col"));
  const body = rows.map(([first, ...rest]) => make("tr", {}, heading(first, "row"), rest.map(cell)));
  const parts = [make("thead", {}, make("tr", {}, headings)), make("tbody", {}, body)];
  return make("table", { class: "weights" }, make("caption", {}, title), parts);
}

function strongestOf({ rows, columns, values }) {
  const head = ["query", ...Array.from({ length: STRONGEST }, (_, i) => [`${i + 1}.`, "weight"]).flat()];
  return [
    head,
    ...rows.entries.map((row, r) => {
      const weights = values.subarray(r * columns.size, (r + 1) * columns.size);
      const order = Array.from(weights.keys())
        .sort((a, b) => weights[b] - weights[a])
        .slice(0, STRONGEST);
      return [
        row.text,
        ...order.flatMap((c) =>
          weights[c] >= state.least && weights[c] > 0 ? [columns.entries[c].text, weights[c]] : ["–", 0],
        ),
      ];
    }),
  ];
}
