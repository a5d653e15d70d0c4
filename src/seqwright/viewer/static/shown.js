/** Common parts of the views: the current grid, its colours, boards of tokens, and the readout below. */

import { currentRecord, nameOf } from "./choice.js";
import { change, hover, state } from "./state.js";
import { focusOf, focusOrSalient, pinnedPositions, toggle, focusSentence } from "./focus.js";
import { gridOf } from "./grid.js";
import { sequential } from "./colour.js";
import { rowGreatest, scaleBar } from "./matrix.js";
import { number } from "./text.js";
import { Board } from "./board.js";
import { make } from "./dom.js";

const readout = make("p", { class: "readout", "aria-live": "polite" });
const progress = make("p", { class: "quiet progress", role: "status", hidden: true });
export const statusLines = [progress, readout];

/** Show a sentence below the picture. */
export const showReadout = (text) => {
  readout.textContent = text;
};

/** Show the progress of long work; nothing when it is done. */
export const showProgress = (text) => {
  progress.textContent = text ?? "";
  progress.hidden = !text;
};

/** The grid of the current record and head, or of others. */
export async function gridShown(fresh, { record = currentRecord(), layer = state.layer, head = state.head } = {}) {
  const grid = await gridOf(record, { layer, head, words: state.words, hide: state.hide, onProgress: showProgress, fresh });
  showProgress();
  return grid;
}

/** A weight's share of the greatest one of the picture (or its root), of its row, or of 1, by the current scale. */
export function shareOf(grid, greatest = grid.greatest) {
  if (state.scale === "one") return (value) => Math.min(1, value);
  if (state.scale !== "row") return shareWithin(greatest);
  const rows = rowGreatest(grid);
  return (value, row) => Math.min(1, value / rows[row]);
}

/** The same for the weights of one token. */
export const shareWithin = (greatest) => (value) => {
  const part = Math.min(1, value / (greatest || 1));
  return state.scale === "root" ? Math.sqrt(part) : part;
};

/** The colours of a picture, and their scale bar. */
export function coloursOf(grid, greatest = grid.greatest) {
  const colours = sequential(state.palette);
  const most = { one: "1", row: "each row's greatest" }[state.scale] ?? number(greatest);
  return {
    colours,
    share: shareOf(grid, greatest),
    bar: scaleBar(["0", most], colours, state.scale === "root" ? Math.sqrt : undefined),
  };
}

/** A board of tokens: pointing shows a token's weights, pressing pins it, arrow keys move. */
export function tokenBoard(label, gridNow, redraw, options) {
  const point = (row, column) => {
    Object.assign(hover, { row, column });
    redraw();
  };
  const board = new Board(
    label,
    {
      hover: (target) => point(target?.row ?? null, target?.column ?? null),
      press: (target) => toggle(gridNow(), target.side, target.position),
      move: (dx, dy) => {
        const grid = gridNow();
        const start = hover.row == null && hover.column == null ? focusOrSalient(grid) : null;
        if (!grid.rows.size || !grid.columns.size) return;
        let [row, column] = start
          ? start.side === "query"
            ? [start.positions[0], null]
            : [null, start.positions[0]]
          : [hover.row, hover.column];
        const wrap = (at, by, size) => (at + by + size) % size;
        const pace = start ? 0 : 1; // the first key shows the salient token
        if (board.cells) {
          row = wrap(row ?? 0, pace * dy, grid.rows.size);
          column = wrap(column ?? 0, pace * dx, grid.columns.size);
        } else {
          const [along, across] = board.along ? [dx, dy] : [dy, dx];
          if (across)
            [row, column] =
              row == null ? [Math.min(column, grid.rows.size - 1), null] : [null, Math.min(row, grid.columns.size - 1)];
          else if (row != null) row = wrap(row, pace * along, grid.rows.size);
          else column = wrap(column, pace * along, grid.columns.size);
        }
        point(row, column);
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

/** The pinned tokens as a focus. */
export const pinsOf = (grid) => {
  const positions = pinnedPositions(grid);
  return positions.length ? { side: state.side, positions } : null;
};

export function showFocus(grid) {
  const focus = focusOf(grid);
  showReadout(focus ? focusSentence(grid, focus) : "");
}

/** The weights as rows of a table: those of the tokens in focus, else all. */
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
  const at = (position, i) => values[focus.side === "query" ? position * columns.size + i : i * columns.size + position];
  const many = focus.positions.length > 1;
  const head = [
    focus.side === "query" ? "key" : "query",
    ...focus.positions.map((position) => mine.entries[position].text),
    ...(many ? [state.join] : []),
  ];
  return [
    head,
    ...other.entries.map((entry, i) => {
      const found = focus.positions.map((position) => at(position, i));
      const sum = found.reduce((a, b) => a + b, 0);
      return [
        entry.text,
        ...found.map(shown),
        ...(many ? [shown(state.join === "sum" ? sum : sum / found.length)] : []),
      ];
    }),
  ];
}

/** The heading of a picture: the head, and whether it is cross attention. */
export const caption = () => `${nameOf()}${currentRecord().kind === "cross" ? ", attention to the source" : ""}`;

export const openHead = (layer, head) => change({ layer: String(layer), head: String(head), view: "head" });
