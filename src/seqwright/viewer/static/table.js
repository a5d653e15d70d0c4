/** What is shown as a table of text: for screen readers, and for whoever wants the numbers. */

import { caption, gridShown, pinsOf, tell, weightRows } from "./shown.js";
import { state } from "./state.js";
import { fill, make } from "./dom.js";
import { full, number } from "./text.js";
import { namesOf } from "./focus.js";

const MOST_COLUMNS = 40;
const MOST_ROWS = 400;
const STRONGEST = 5;

export const tableView = {
  name: "table",
  label: "Table",
  sentence:
    "The weights as text: rows look, columns are looked at. Pin tokens to see theirs alone; a long text shows each token's strongest.",

  build(host) {
    this.place = make("div", { class: "wide" });
    fill(host, this.place);
  },

  async draw(fresh) {
    const grid = await gridShown(fresh);
    if (!fresh()) return;
    this.grid = grid;
    const focus = pinsOf(grid);
    tell(focus ? `Pinned: ${namesOf(grid, focus)}.` : "");
    const all = weightRows(grid, focus);
    const whole = focus || grid.columns.size <= MOST_COLUMNS;
    const shown = whole ? all : strongestOf(grid);
    fill(
      this.place,
      tableOf(
        shown.slice(0, MOST_ROWS + 1),
        caption() +
          (focus ? `: ${namesOf(grid, focus)}` : whole ? "" : `: the ${STRONGEST} strongest weights of each token`),
      ),
      shown.length > MOST_ROWS + 1
        ? make("p", { class: "quiet" }, `The first ${MOST_ROWS} rows of ${shown.length - 1}; copied CSV has all.`)
        : null,
    );
  },

  rows() {
    return weightRows(this.grid);
  },

  boards: () => [],
};

/** Rows, the first of which are headings, as a table. */
export function tableOf([head, ...rows], title) {
  const heading = (value, scope) =>
    make("th", { scope }, make("bdi", {}, typeof value === "number" ? number(value) : value === "" ? "" : full(value)));
  const cell = (value) =>
    typeof value === "number"
      ? make("td", { class: "number" }, number(value))
      : make("td", {}, make("bdi", {}, full(value)));
  return make(
    "table",
    { class: "weights" },
    make("caption", {}, title),
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        head.map((value) => heading(value, "col")),
      ),
    ),
    make(
      "tbody",
      {},
      rows.map(([first, ...rest]) => make("tr", {}, heading(first, "row"), rest.map(cell))),
    ),
  );
}

function strongestOf({ rows, columns, values }) {
  const head = ["looks", ...Array.from({ length: STRONGEST }, (_, i) => [`${i + 1}.`, "weight"]).flat()];
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
