/** A matrix of weights as a picture of one pixel per cell, scaled to the board, with labels that stay visible. */

import { widthOf, fit } from "./painter.js";
import { inkOn } from "./colour.js";
import { brief, full, readRightToLeft } from "./text.js";
import { cellTip } from "./focus.js";
import { clamp } from "./dom.js";

/** Weights as pixels: `share(value, row)` is between 0 and 1; a pixel is the greatest of `pool` × `pool` cells. */
export function pixels({ rows, columns, values }, colours, share, { least = 0, mirrored = false, pool = 1 } = {}) {
  const [h, w] = [Math.ceil(rows.size / pool), Math.ceil(columns.size / pool)];
  const image = Object.assign(document.createElement("canvas"), { width: w, height: h });
  const pen = image.getContext("2d");
  const data = pen.createImageData(w, h);
  const cells = new Uint32Array(data.data.buffer);
  const found = pool > 1 ? new Float32Array(w * h) : null;
  for (let r = 0, at = 0; r < rows.size; r++) {
    for (let c = 0; c < columns.size; c++, at++) {
      const value = Math.abs(values[at]) < least ? 0 : values[at];
      const x = Math.floor((mirrored ? columns.size - 1 - c : c) / pool);
      const cell = Math.floor(r / pool) * w + x;
      const level = share(value, r);
      if (found) {
        if (level < found[cell]) continue;
        found[cell] = level;
      }
      cells[cell] = colours[Math.round(255 * level)];
    }
  }
  pen.putImageData(data, 0, 0);
  return image;
}

/** The greatest of each row. */
export function rowGreatest({ rows, columns, values }) {
  return Float32Array.from({ length: rows.size }, (_, r) =>
    values.subarray(r * columns.size, (r + 1) * columns.size).reduce((a, b) => Math.max(a, b), 1e-9),
  );
}

/**
 * `colours`: 256 of them, by `share(value, row)`; `focus()`: rows or columns to mark, and a cell. Weights are written into cells that
 * are large enough.
 */
export function matrixDrawing({
  grid,
  width,
  height = 520,
  zoom = 1,
  colours,
  share,
  least = 0,
  focus,
  pins = () => null,
  titles = ["key", "query"],
  largest = 38,
}) {
  const { rows, columns } = grid;
  const mirrored = readRightToLeft(columns.entries.map((entry) => entry.text));
  const longest = (entries, most) =>
    clamp(Math.max(...entries.slice(0, 600).map((entry) => widthOf(brief(entry.text), 12)), 8) + 10, 30, most);
  const left = 16 + longest(rows.entries, Math.min(140, width * 0.25));
  const top = 18 + longest(columns.entries, 110);
  const fitting = [Math.min(largest, (width - left - 8) / columns.size), Math.min(largest, (height - top) / rows.size)];
  const alike = Math.max(rows.size, columns.size) < 3 * Math.min(rows.size, columns.size);
  const [cw, ch] = fitting.map((size) => zoom * Math.min(size, Math.max(Math.min(...fitting), alike ? 0 : 14)));
  const [wide, tall] = [cw * columns.size, ch * rows.size];
  const fine = Math.min(cw, ch) * (devicePixelRatio || 1);
  const pool = fine > 0.85 ? 1 : Math.ceil(1 / fine);
  const image = rows.size && columns.size ? pixels(grid, colours, share, { least, mirrored, pool }) : null;
  const x = (c) => left + (mirrored ? columns.size - 1 - c : c) * cw;
  const y = (r) => top + r * ch;

  function paint(p, seen, colour) {
    if (!image) return p.text("No tokens are shown.", 8, 20, colour.quiet);
    const now = focus?.() ?? null;
    const fixed = pins();
    p.image(image, left, top, wide, tall);
    p.frame(left - 0.5, top - 0.5, wide + 1, tall + 1, colour.line);
    if (Math.min(cw, ch * 1.4) >= 33)
      for (let r = 0, at = 0; r < rows.size; r++)
        for (let c = 0; c < columns.size; c++, at++) {
          const value = grid.values[at];
          if (Math.abs(value) >= Math.max(least, 0.005))
            p.text(
              value.toFixed(2).replace("-", "−"),
              x(c) + cw / 2,
              y(r) + ch / 2,
              inkOn(colours[Math.round(255 * share(value, r))]),
              { size: 11, align: "center" },
            );
        }
    for (const position of fixed?.positions ?? []) {
      const edges =
        fixed.side === "query" ? [left, y(position), wide, Math.max(ch, 1.5)] : [x(position), top, Math.max(cw, 1.5), tall];
      p.frame(...edges, colour.page, 4);
      p.frame(...edges, colour.link, 2);
    }
    const [row, column] = now?.side === "key" ? [null, now.positions[0]] : [now?.positions[0] ?? null, now?.other ?? null];
    if (row != null && now) p.frame(left, y(row), wide, ch, colour.quiet, 1);
    if (column != null && now) p.frame(x(column), top, cw, tall, colour.quiet, 1);
    if (row != null && column != null) p.frame(x(column) - 0.5, y(row) - 0.5, cw + 1, ch + 1, colour.ink, 2);
    labels(p, seen, colour, { row, column, fixed });
  }

  function labels(p, seen, colour, { row, column, fixed }) {
    p.rect(seen.x, seen.y, left - 1, seen.height, colour.page);
    p.rect(seen.x, seen.y, seen.width, top - 1, colour.page);
    const marked = (side, position) => fixed?.side === side && fixed.positions.includes(position);
    const write = (entries, chosenPlace, side, size, put) => {
      const every = Math.max(1, Math.ceil(13 / size));
      entries.forEach((entry, position) => {
        const strong = position === chosenPlace || marked(side, position);
        const near = chosenPlace != null && Math.abs(position - chosenPlace) * size < 12;
        if (strong || (position % every === 0 && !near))
          put(entry, position, { bold: strong, ink: strong ? colour.ink : colour.quiet });
      });
    };
    write(rows.entries, row, "query", ch, (entry, r, { bold, ink }) => {
      const at = y(r) + ch / 2;
      if (at > seen.y + top && at < seen.y + seen.height)
        p.text(fit(brief(entry.text), left - 22, 12), seen.x + left - 6, at, ink, { size: 12, align: "right", bold });
    });
    write(columns.entries, column, "key", cw, (entry, c, { bold, ink }) => {
      const at = x(c) + cw / 2;
      if (at > seen.x + left && at < seen.x + seen.width)
        p.text(fit(brief(entry.text), top - 26, 12), at, seen.y + top - 6, ink, { size: 12, bold, rotation: -90 });
    });
    p.text(`${titles[0]} ${mirrored ? "←" : "→"}`, seen.x + left - 6, seen.y + 9, colour.quiet, {
      size: 11,
      align: "left",
    });
    p.text(`${titles[1]} ↓`, seen.x + 4, seen.y + top - 16, colour.quiet, { size: 11 });
  }

  function hit(px, py) {
    const c = mirrored ? columns.size - 1 - Math.floor((px - left) / cw) : Math.floor((px - left) / cw);
    const r = Math.floor((py - top) / ch);
    const [inRow, inColumn] = [r >= 0 && r < rows.size, c >= 0 && c < columns.size];
    if (inRow && inColumn)
      return { side: "query", position: r, row: r, column: c, key: `${r} ${c}`, tip: cellTip(grid, r, c) };
    if (inRow && px < left)
      return { side: "query", position: r, row: r, column: null, key: `q${r}`, tip: [full(rows.entries[r].text)] };
    if (inColumn && py < top)
      return { side: "key", position: c, row: null, column: c, key: `k${c}`, tip: [full(columns.entries[c].text)] };
    return null;
  }

  const spot = ({ row, column }) => ({
    x: column == null ? left - 8 : x(column) + cw / 2,
    y: row == null ? top - 8 : y(row) + ch / 2,
  });
  return { width: left + wide + 8, height: top + tall + 8, paint, hit, spot };
}

/** A bar of the colours with the values of its ends; `share` maps a position on the bar to a colour. */
export function scaleBar(ends, colours, share = (part) => part) {
  const image = document.createElement("canvas");
  Object.assign(image, { width: 256, height: 1, className: "scale" });
  const pen = image.getContext("2d");
  const data = pen.createImageData(256, 1);
  new Uint32Array(data.data.buffer).set(colours.map((_, i) => colours[Math.round(255 * share(i / 255))]));
  pen.putImageData(data, 0, 0);
  return [ends[0], image, ends[1]];
}
