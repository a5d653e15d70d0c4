/** The tokens in focus: the one that is pointed at, else those that are pinned. */

import { change, hover, state } from "./state.js";
import { full, number, quoted } from "./text.js";
import { combined } from "./grid.js";

/** `{ side, positions, other }`: positions on one side of the grid, and the position pointed at on the other; or null. */
export function focusOf(grid) {
  if (hover.row != null) return { side: "query", positions: [hover.row], other: hover.column };
  if (hover.column != null) return { side: "key", positions: [hover.column], other: null };
  const positions = pinnedPositions(grid);
  return positions.length ? { side: state.side, positions, other: null } : null;
}

export function pinnedPositions(grid) {
  const { position } = axis(grid, state.side);
  return [...new Set(state.pins.map((pin) => position[pin]))].filter((at) => at >= 0);
}

export const axis = (grid, side) => (side === "query" ? grid.rows : grid.columns);
export const opposite = (grid, side) => (side === "query" ? grid.columns : grid.rows);

/** The focus, or without one the query with the most salient weight: great, and on another token that is not special. */
export function focusOrSalient(grid) {
  const found = focusOf(grid);
  if (found) return found;
  const { rows, columns, values } = grid;
  const empty = columns.entries.map((column) => column.special);
  let [best, position] = [-1, 0];
  for (let r = 0, at = 0; r < rows.size; r++) {
    const low = rows.entries[r].special;
    for (let c = 0; c < columns.size; c++, at++) {
      if (values[at] <= best) continue;
      const value = values[at] * (low || empty[c] || r === c ? 0.01 : Math.abs(r - c) === 1 ? 0.7 : 1);
      if (value > best) [best, position] = [value, r];
    }
  }
  return rows.size ? { side: "query", positions: [position], other: null } : null;
}

/** Pin a token, or unpin it; all pins are on one side. */
export function toggle(grid, side, position) {
  const { first, end } = axis(grid, side).entries[position];
  const pins = side === state.side ? state.pins : [];
  const left = pins.filter((pin) => pin < first || pin >= end);
  change({ side, pins: left.length < pins.length ? left : [...pins, first] });
}

/** Move the pin to the next token. */
export function stepToken(grid, by) {
  const focus = focusOrSalient(grid);
  if (!focus) return;
  const { entries } = axis(grid, focus.side);
  const position = (focus.positions.at(-1) + by + entries.length) % entries.length;
  change({ side: focus.side, pins: [entries[position].first] });
}

/** “it” or “it” + “cat” (sum). */
export function namesOf(grid, { side, positions }) {
  const { entries } = axis(grid, side);
  const names = positions
    .slice(0, 4)
    .map((position) => quoted(entries[position].text))
    .join(" + ");
  const more = positions.length > 4 ? ` + ${positions.length - 4} more` : "";
  return names + more + (positions.length > 1 ? ` (${state.join})` : "");
}

/** A sentence with the strongest weights of the focus. */
export function focusSentence(grid, focus, most = 6) {
  const weights = combined(grid, focus.side, focus.positions, state.join);
  const { entries } = opposite(grid, focus.side);
  const order = Array.from(weights.keys())
    .filter((i) => weights[i] > 0 && weights[i] >= state.least)
    .sort((a, b) => weights[b] - weights[a]);
  const list = order
    .slice(0, most)
    .map((i) => `${quoted(entries[i].text)} ${number(weights[i])}`)
    .join(" · ");
  const many = focus.positions.length > 1;
  const verb = focus.side === "query" ? (many ? "attend to" : "attends to") : many ? "are attended to by" : "is attended to by";
  const pair = focus.other == null ? "" : ` ${quoted(entries[focus.other].text)}: ${number(weights[focus.other])}.`;
  return `${namesOf(grid, focus)} ${verb}${pair ? pair + " Most:" : ":"} ${list || "nothing above the threshold"}`;
}

/** The tooltip of a cell. */
export function cellTip(grid, row, column, value = grid.values[row * grid.columns.size + column]) {
  return [
    `${full(grid.rows.entries[row].text)} → ${full(grid.columns.entries[column].text)}`,
    `weight ${number(value)}`,
    ...(grid.columns.size > 40
      ? [`tokens ${grid.rows.entries[row].first} → ${grid.columns.entries[column].first}`]
      : []),
  ];
}
