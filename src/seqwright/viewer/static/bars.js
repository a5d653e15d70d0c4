/** Weights as bars with numbers, one per row, with an optional strip that has a column for every head. */

import { widthOf, fit } from "./painter.js";
import { brief, full, number } from "./text.js";
import { clamp } from "./dom.js";

const ROW = 22;

/**
 * `rows`: `{ text, value, special, position }`; `strip`: `{ image, columns, names, groups, value(row, column) }`, `groups` being
 * columns with a name above. `marked(row)` rows are highlighted.
 */
export function barsDrawing({
  rows,
  width,
  greatest,
  colour,
  strip,
  title = "",
  marked = () => false,
  none = "Nothing is above the threshold.",
}) {
  const top = strip || title ? 26 : 4;
  const label = clamp(
    Math.max(20, ...rows.slice(0, 600).map((row) => widthOf(brief(row.text)))) + 8,
    40,
    Math.min(180, width * 0.3),
  );
  const bar = clamp(strip ? width * 0.26 : width - label - 70, 40, 420);
  const from = label + 8;
  const start = from + bar + 62;
  const cell = strip ? clamp((width - start - 12) / strip.columns, 3, 22) : 0;
  const total = strip ? start + cell * strip.columns + 8 : from + bar + 60;
  const longest = greatest || Math.max(...rows.map((row) => row.value), 1e-9);

  function paint(p, seen, colours) {
    if (title) p.text(title, 0, 10, colours.quiet, { size: 11 });
    if (!rows.length) p.text(none, 0, top + 10, colours.quiet);
    if (strip?.image && rows.length) {
      p.image(strip.image, start, top, cell * strip.columns, ROW * rows.length);
      p.frame(start - 0.5, top - 0.5, cell * strip.columns + 1, ROW * rows.length + 1, colours.line);
      strip.groups.forEach(({ at, name }, i) => {
        if (i && cell > 3) p.rect(start + at * cell - 0.5, top, 1, ROW * rows.length, colours.line);
        p.text(name, start + at * cell + 1, 12, colours.quiet, { size: 11 });
      });
      if (strip.chosen >= 0)
        p.frame(start + strip.chosen * cell, top - 1, cell, ROW * rows.length + 2, colours.link, 2);
    }
    rows.forEach((row, i) => {
      const y = top + (i + 0.5) * ROW;
      if (y < seen.y - ROW || y > seen.y + seen.height + ROW) return;
      const bold = marked(row);
      if (bold) p.rect(0, y - ROW / 2, from + bar + 58, ROW, colours.link, 0.12);
      p.text(fit(brief(row.text), label), label, y, row.special ? colours.quiet : colours.ink, {
        align: "right",
        bold,
      });
      p.rect(from, y - 7, bar, 14, colours.line, 0.35);
      p.rect(from, y - 7, bar * clamp(row.value / longest, 0, 1), 14, colour);
      p.text(number(row.value), from + bar + 54, y, colours.ink, { size: 12, align: "right" });
    });
  }

  function hit(x, y) {
    const at = Math.floor((y - top) / ROW);
    const row = rows[at];
    if (!row || y < top) return null;
    const column = strip && x >= start ? Math.floor((x - start) / cell) : -1;
    if (column >= 0 && column < strip.columns) {
      const value = strip.value(row.position, column);
      const tip = [`${strip.names[column]}: ${full(row.text)}`, `weight ${number(value)}`];
      return { row: at, position: row.position, head: column, key: `${at} ${column}`, tip };
    }
    return { row: at, position: row.position, key: `r${at}`, tip: [full(row.text), `weight ${number(row.value)}`] };
  }

  const spot = ({ row, head }) => ({
    x: head == null ? from + 4 : start + (head + 0.5) * cell,
    y: top + (row + 0.5) * ROW,
  });
  return { width: total, height: top + ROW * Math.max(1, rows.length) + 4, paint, hit, spot };
}
