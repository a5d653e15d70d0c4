/**
 * Lines between queries and keys, thicker for greater weights, in two columns or two lines of text.
 *
 * Several heads may be drawn at once, each in a colour of its own. Of tokens in focus only their lines are drawn, with the weight
 * next to each token on the other side.
 */

import { widthOf, fit } from "./painter.js";
import { brief, full, number, readRightToLeft } from "./text.js";
import { strongest, combined } from "./grid.js";
import { axis, cellTip } from "./focus.js";
import { clamp } from "./dom.js";

const MAX_LINES = 1500;

/**
 * `layers`: `{ grid, colour, name }`, the first of which has the tokens; `focus()` returns the focus; `greatest` is the weight of the
 * strongest line, where pictures share a scale; `net`: the second of two layers is subtracted from the first, for one number.
 */
export function linesDrawing({
  layers,
  width,
  along,
  least,
  join,
  focus,
  greatest,
  net = false,
  pins = () => null,
  titles = ["query", "key"],
}) {
  const { rows, columns } = layers[0].grid;
  const most = greatest ?? Math.max(...layers.map(({ grid }) => grid.greatest), 1e-9);
  const mirrored = readRightToLeft([...rows.entries, ...columns.entries].map((entry) => entry.text));
  const layout = (along ? sentences : twoColumns)({ rows, columns, width, mirrored, numbers: net ? 1 : layers.length });
  const ends = (side, position) => layout[side][position];

  function paint(p, seen, colours) {
    const now = focus?.() ?? null;
    const fixed = now ?? pins();
    titles.forEach((title, i) => layout.title(p, i ? "key" : "query", title, colours.quiet));
    layers.forEach(({ grid, colour }) => {
      const draw = (q, k, bold) => {
        const value = grid.values[q * columns.size + k];
        if (value < least || value <= 0) return;
        const [from, to] = [ends("query", q), ends("key", k)];
        if (outside(from, to, seen, along)) return;
        const share = clamp(value / most, 0, 1);
        const [ink, opacity] = [bold ? colours.ink : colour, Math.max(0.04, share ** 0.8)];
        p.curve(from.px, from.py, to.px, to.py, ink, 0.8 + 2.2 * share, opacity, along);
      };
      if (!fixed)
        for (const at of strongest(grid, least, MAX_LINES).positions)
          draw(Math.floor(at / columns.size), at % columns.size);
      else if (fixed.side === "query")
        for (const q of fixed.positions)
          for (let k = 0; k < columns.size; k++) draw(q, k, now?.other === k && layers.length > 1);
      else for (const k of fixed.positions) for (let q = 0; q < rows.size; q++) draw(q, k);
    });
    const weights = fixed && layers.map(({ grid }) => combined(grid, fixed.side, fixed.positions, join));
    for (const side of ["query", "key"]) {
      axis(layers[0].grid, side).entries.forEach((entry, position) => {
        const at = ends(side, position);
        if (outside(at, at, seen, along)) return;
        const mine = fixed?.side === side && fixed.positions.includes(position);
        const other = fixed && fixed.side !== side;
        const share = other ? clamp(Math.max(...weights.map((w) => w[position])) / most, 0, 1) : 0;
        if (mine) p.rect(at.x - 3, at.y - at.height / 2 + 1, at.width + 6, at.height - 2, layers[0].colour, 0.22);
        if (share > 0.01)
          p.rect(at.x - 3, at.y - at.height / 2 + 1, at.width + 6, at.height - 2, layers[0].colour, 0.45 * share);
        const ink = entry.special && !mine && share < 0.1 ? colours.quiet : colours.ink;
        p.text(at.label, at.tx, at.y, ink, { align: at.align, bold: mine || (other && now?.other === position) });
        if (!other) return;
        if (net) {
          const value = weights[0][position] - weights[1][position];
          if (Math.abs(value) >= 0.0005) layout.number(p, at, side, 0, number(value), layers[value > 0 ? 0 : 1].colour);
        } else
          weights.forEach(
            (w, i) =>
              w[position] >= Math.max(least, 0.0005) &&
              layout.number(p, at, side, i, number(w[position]), layers.length > 1 ? layers[i].colour : colours.ink),
          );
      });
    }
  }

  function hit(x, y) {
    for (const side of ["query", "key"]) {
      const position = layout.find(side, x, y);
      if (position < 0) continue;
      const entry = axis(layers[0].grid, side).entries[position];
      const at = { side, position, key: `${side}${position}`, [side === "query" ? "row" : "column"]: position };
      const now = pins();
      if (!now || now.side === side)
        return { ...at, tip: layout[side][position].label === full(entry.text) ? null : [full(entry.text)] };
      const lines = now.positions
        .slice(0, 6)
        .map((other) =>
          side === "query" ? cellTip(layers[0].grid, position, other) : cellTip(layers[0].grid, other, position),
        );
      return { ...at, tip: lines.flat() };
    }
    return null;
  }

  const spot = ({ row, column }) => {
    const at = row != null ? ends("query", row) : ends("key", column);
    return at && { x: at.x + at.width / 2, y: at.y };
  };
  return { width: layout.width, height: layout.height, paint, hit, spot };
}

/** A sentence with the number of lines and of those drawn. */
export function linesNote(grid, least) {
  const { total, positions, floor } = strongest(grid, least, MAX_LINES);
  const drawn =
    positions.length < total
      ? `The ${positions.length.toLocaleString("en")} strongest of ${total.toLocaleString("en")} lines are drawn`
      : least
        ? "All lines above the threshold are drawn"
        : "All visible lines are drawn";
  return `${drawn} (weights from ${number(floor)} on).`;
}

function outside(from, to, seen, along) {
  const [a, b, low, size] = along
    ? [from.x + from.width / 2, to.x + to.width / 2, seen.x, seen.width]
    : [from.y, to.y, seen.y, seen.height];
  return Math.max(a, b) < low - 200 * along - 12 || Math.min(a, b) > low + size + 200 * along + 12;
}

function twoColumns({ rows, columns, width, mirrored, numbers }) {
  const height = Math.max(rows.size, columns.size) > 80 ? 18 : 23;
  const top = 30;
  const margin = 46 * numbers + 6;
  const longest = (entries) => {
    const widths = entries.slice(0, 600).map((entry) => widthOf(brief(entry.text)));
    return clamp(Math.max(20, ...widths) + 6, 40, Math.min(190, width * 0.27));
  };
  const [left, right] = mirrored ? ["key", "query"] : ["query", "key"];
  const sides = { query: rows.entries, key: columns.entries };
  const wide = { [left]: longest(sides[left]), [right]: longest(sides[right]) };
  const gap = clamp(width - wide[left] - wide[right] - 2 * margin - 24, 60, 460);
  const x = { [left]: margin, [right]: margin + wide[left] + gap + 16 };
  const align = { [left]: "right", [right]: "left" };
  const total = margin * 2 + wide[left] + wide[right] + gap + 16;
  const inner = { [left]: margin + wide[left] + 8, [right]: x[right] - 8 };
  const placed = (side) =>
    sides[side].map((entry, i) => {
      const y = top + (i + 0.5) * height;
      const tx = align[side] === "right" ? x[side] + wide[side] : x[side];
      const [label, box] = [fit(brief(entry.text), wide[side]), { x: x[side], width: wide[side], y, height }];
      return { ...box, tx, align: align[side], px: inner[side], py: y, label };
    });
  return {
    width: total,
    height: top + height * Math.max(rows.size, columns.size) + 6,
    query: placed("query"),
    key: placed("key"),
    title: (p, side, text, colour) =>
      p.text(text, align[side] === "right" ? x[side] + wide[side] : x[side], 12, colour, {
        size: 11,
        align: align[side],
      }),
    number: (p, at, side, i, text, colour) => {
      const from = align[side] === "right" ? at.x - 8 - 46 * i : at.x + wide[side] + 42 + 46 * i;
      p.text(text, from, at.y, colour, { size: 11, align: "right" });
    },
    find: (side, px, py) => {
      const position = Math.floor((py - top) / height);
      const near = side === left ? px < inner[left] + gap * 0.25 : px > inner[right] - gap * 0.25;
      return near && position >= 0 && position < sides[side].length ? position : -1;
    },
  };
}

function sentences({ rows, columns, mirrored, numbers }) {
  const y = { query: 40, key: 290 };
  const sides = { query: rows.entries, key: columns.entries };
  const set = {};
  let width = 0;
  for (const side of ["query", "key"]) {
    let x = 52;
    set[side] = sides[side].map((entry) => {
      const label = brief(entry.text);
      const at = { x, width: Math.max(widthOf(label), 14), y: y[side], height: 24, align: "center", label };
      x += Math.max(at.width, 26) + 14;
      return at;
    });
    width = Math.max(width, x + 10);
  }
  for (const side of ["query", "key"]) {
    for (const at of set[side]) {
      if (mirrored) at.x = width - at.x - at.width;
      at.tx = at.px = at.x + at.width / 2;
      at.py = y[side] + (side === "query" ? 14 : -14);
    }
  }
  const above = (side) => (side === "query" ? -1 : 1);
  return {
    width,
    height: y.key + 34 + 14 * numbers,
    ...set,
    title: (p, side, text, colour) => {
      const at = side === "query" ? 9 : y.key + 26 + 14 * numbers;
      p.text(text, mirrored ? width - 6 : 6, at, colour, { size: 11, align: mirrored ? "right" : "left" });
    },
    number: (p, at, side, i, text, colour) =>
      p.text(text, at.tx, at.y + above(side) * (20 + 13 * i), colour, { size: 10, align: "center" }),
    find: (side, px, py) =>
      Math.abs(py - y[side]) > 40 ? -1 : set[side].findIndex((at) => px >= at.x - 7 && px <= at.x + at.width + 7),
  };
}
