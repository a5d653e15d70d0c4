/** What several views have in common: the grid that is chosen, its colours, boards whose tokens answer, and what is told below. */

import { chosen, nameOf } from "./choice.js";
import { change, hover, state } from "./state.js";
import { focusOf, focusOrTelling, pinnedPlaces, toggle, told } from "./focus.js";
import { gridOf } from "./grid.js";
import { sequential } from "./colour.js";
import { rowGreatest, scaleBar } from "./matrix.js";
import { number } from "./text.js";
import { Board } from "./board.js";
import { make } from "./dom.js";

const readout = make("p", { class: "readout", "aria-live": "polite" });
const progress = make("p", { class: "quiet progress", role: "status", hidden: true });
export const saying = [progress, readout];

/** Tell what is in focus, below the picture. */
export const tell = (text) => {
  readout.textContent = text;
};

/** Say how far long work has come; nothing when it is done. */
export const report = (text) => {
  progress.textContent = text ?? "";
  progress.hidden = !text;
};

/** The grid of what is chosen, or of another record or head. */
export async function gridShown(fresh, { record = chosen(), layer = state.layer, head = state.head } = {}) {
  const grid = await gridOf(record, { layer, head, words: state.words, hide: state.hide, said: report, fresh });
  report();
  return grid;
}

/** The colour of a weight, by the scale that is chosen: its share of the picture's greatest (or the root of it), of its row's, or of one. */
export function shareOf(grid, greatest = grid.greatest) {
  if (state.scale === "one") return (value) => Math.min(1, value);
  if (state.scale !== "row") return shareWithin(greatest);
  const rows = rowGreatest(grid);
  return (value, row) => Math.min(1, value / rows[row]);
}

/** The same for weights of one token. */
export const shareWithin = (greatest) => (value) => {
  const part = Math.min(1, value / (greatest || 1));
  return state.scale === "root" ? Math.sqrt(part) : part;
};

/** The colours that a picture uses, and the bar that explains them. */
export function coloursOf(grid, greatest = grid.greatest) {
  const colours = sequential(state.palette);
  const most = { one: "1", row: "each row's greatest" }[state.scale] ?? number(greatest);
  return {
    colours,
    share: shareOf(grid, greatest),
    bar: scaleBar(["0", most], colours, state.scale === "root" ? Math.sqrt : undefined),
  };
}

/** A board of tokens: pointing shows a token's weights, pressing pins it, arrow keys move about. */
export function tokenBoard(label, gridNow, redraw, options) {
  const look = (row, column) => {
    Object.assign(hover, { row, column });
    redraw();
  };
  const board = new Board(
    label,
    {
      hover: (target) => look(target?.row ?? null, target?.column ?? null),
      press: (target) => toggle(gridNow(), target.side, target.place),
      move: (dx, dy) => {
        const grid = gridNow();
        const start = hover.row == null && hover.column == null ? focusOrTelling(grid) : null;
        if (!grid.rows.size || !grid.columns.size) return;
        let [row, column] = start
          ? start.side === "query"
            ? [start.places[0], null]
            : [null, start.places[0]]
          : [hover.row, hover.column];
        const wrap = (at, by, size) => (at + by + size) % size;
        if (board.cells)
          [row, column] = [
            wrap(row ?? 0, start ? 0 : dy, grid.rows.size),
            wrap(column ?? 0, start ? 0 : dx, grid.columns.size),
          ];
        else {
          const [along, across] = board.along ? [dx, dy] : [dy, dx];
          if (across)
            [row, column] =
              row == null ? [Math.min(column, grid.rows.size - 1), null] : [null, Math.min(row, grid.columns.size - 1)];
          else if (row != null) row = wrap(row, start ? 0 : along, grid.rows.size);
          else column = wrap(column, start ? 0 : along, grid.columns.size);
        }
        look(row, column);
        board.reveal({ row, column });
      },
      enter: () => {
        const { row, column } = hover;
        if (row == null && column == null) return;
        toggle(gridNow(), row != null ? "query" : "key", row ?? column);
        Object.assign(hover, { row, column });
      },
    },
    options,
  );
  return board;
}

/** What a board marks: the focus, and the pins. */
export const pinsOf = (grid) => {
  const places = pinnedPlaces(grid);
  return places.length ? { side: state.side, places } : null;
};

export function tellFocus(grid) {
  const focus = focusOf(grid);
  tell(focus ? told(grid, focus) : "");
}

/** The weights that are shown, as rows of a table: those of the tokens in focus, else all. */
export function weightRows(grid, focus = pinsOf(grid)) {
  const { rows, columns, values } = grid;
  const text = (entry) => entry.text;
  const shown = (value) => (value >= state.least ? Number(value.toPrecision(6)) : 0);
  if (!focus)
    return [
      ["", ...columns.entries.map(text)],
      ...rows.entries.map((row, r) => [
        row.text,
        ...Array.from(values.subarray(r * columns.size, (r + 1) * columns.size), shown),
      ]),
    ];
  const [mine, other] = focus.side === "query" ? [rows, columns] : [columns, rows];
  const at = (place, i) => values[focus.side === "query" ? place * columns.size + i : i * columns.size + place];
  const many = focus.places.length > 1;
  const head = [
    focus.side === "query" ? "is looked at" : "looks",
    ...focus.places.map((place) => mine.entries[place].text),
    ...(many ? [state.join] : []),
  ];
  return [
    head,
    ...other.entries.map((entry, i) => {
      const found = focus.places.map((place) => at(place, i));
      const sum = found.reduce((a, b) => a + b, 0);
      return [
        entry.text,
        ...found.map(shown),
        ...(many ? [shown(state.join === "sum" ? sum : sum / found.length)] : []),
      ];
    }),
  ];
}

/** The heading of a picture: its kind and the head. */
export const caption = () => `${nameOf()}${chosen().kind === "cross" ? ", looking at the source" : ""}`;

export const openHead = (layer, head) => change({ layer: String(layer), head: String(head), view: "head" });
