/** Which tokens are looked at closely: the one that is pointed at, else those that are pinned. */

import { change, hover, state } from "./state.js";
import { full, number, quoted } from "./text.js";
import { together } from "./grid.js";

/** `{ side, places, other }`: places on one side of the grid, and the place on the other that is pointed at; or nothing. */
export function focusOf(grid) {
  if (hover.row != null) return { side: "query", places: [hover.row], other: hover.column };
  if (hover.column != null) return { side: "key", places: [hover.column], other: null };
  const places = pinnedPlaces(grid);
  return places.length ? { side: state.side, places, other: null } : null;
}

export function pinnedPlaces(grid) {
  const { place } = axis(grid, state.side);
  return [...new Set(state.pins.map((pin) => place[pin]))].filter((at) => at >= 0);
}

export const axis = (grid, side) => (side === "query" ? grid.rows : grid.columns);
export const opposite = (grid, side) => (side === "query" ? grid.columns : grid.rows);

/** The focus, or where there is none the token whose look is most telling: strong, and at another with a text. */
export function focusOrTelling(grid) {
  const found = focusOf(grid);
  if (found) return found;
  const { rows, columns, values } = grid;
  const empty = columns.entries.map((column) => column.special);
  let [best, place] = [-1, 0];
  for (let r = 0, at = 0; r < rows.size; r++) {
    const low = rows.entries[r].special;
    for (let c = 0; c < columns.size; c++, at++) {
      if (values[at] <= best) continue;
      const value = values[at] * (low || empty[c] || r === c ? 0.01 : Math.abs(r - c) === 1 ? 0.7 : 1);
      if (value > best) [best, place] = [value, r];
    }
  }
  return rows.size ? { side: "query", places: [place], other: null } : null;
}

/** Pin a token, or let go of it where it is pinned; pins stand on one side at a time. */
export function toggle(grid, side, place) {
  const { first, end } = axis(grid, side).entries[place];
  const pins = side === state.side ? state.pins : [];
  const left = pins.filter((pin) => pin < first || pin >= end);
  change({ side, pins: left.length < pins.length ? left : [...pins, first] });
}

/** Move the one pinned token on by a step. */
export function stepToken(grid, by) {
  const focus = focusOrTelling(grid);
  if (!focus) return;
  const { entries } = axis(grid, focus.side);
  const place = (focus.places.at(-1) + by + entries.length) % entries.length;
  change({ side: focus.side, pins: [entries[place].first] });
}

/** “it” or “it” + “cat” (sum). */
export function namesOf(grid, { side, places }) {
  const { entries } = axis(grid, side);
  const names = places
    .slice(0, 4)
    .map((place) => quoted(entries[place].text))
    .join(" + ");
  const more = places.length > 4 ? ` + ${places.length - 4} more` : "";
  return names + more + (places.length > 1 ? ` (${state.join})` : "");
}

/** In a sentence, what the focus looks at or is looked at by: its strongest weights. */
export function told(grid, focus, most = 6) {
  const weights = together(grid, focus.side, focus.places, state.join);
  const { entries } = opposite(grid, focus.side);
  const order = Array.from(weights.keys())
    .filter((i) => weights[i] > 0 && weights[i] >= state.least)
    .sort((a, b) => weights[b] - weights[a]);
  const list = order
    .slice(0, most)
    .map((i) => `${quoted(entries[i].text)} ${number(weights[i])}`)
    .join(" · ");
  const many = focus.places.length > 1;
  const verb = focus.side === "query" ? (many ? "look at" : "looks at") : many ? "are looked at by" : "is looked at by";
  const pair = focus.other == null ? "" : ` ${quoted(entries[focus.other].text)}: ${number(weights[focus.other])}.`;
  return `${namesOf(grid, focus)} ${verb}${pair ? pair + " Most:" : ":"} ${list || "nothing above the threshold"}`;
}

/** What a tooltip says of a cell. */
export function cellTip(grid, row, column, value = grid.values[row * grid.columns.size + column]) {
  return [
    `${full(grid.rows.entries[row].text)} → ${full(grid.columns.entries[column].text)}`,
    `weight ${number(value)}`,
    ...(grid.columns.size > 40
      ? [`tokens ${grid.rows.entries[row].first} → ${grid.columns.entries[column].first}`]
      : []),
  ];
}
