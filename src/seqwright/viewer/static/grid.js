/** The weights to show: of one head or aggregated over several, between tokens or between words. */

import { columnsOf, packedHead } from "./data.js";
import { AGGREGATES, headsOf } from "./choice.js";

const CACHE_SIZE = 8;
const kept = new Map();

/** One side of a grid: its entries, and the entry of each token (−1 where it is hidden). */
function axisOf(record, side, { words, hide }) {
  record.axes ??= {};
  return (record.axes[[side, words, hide]] ??= newAxis(record, side, words, hide));
}

function newAxis(record, side, words, hide) {
  const rows = side === "query";
  const tokens = rows ? record.tokens : columnsOf(record);
  const special = new Set(rows ? record.special : record.columnSpecial);
  const spans = (words && (rows ? record.words : record.columnWords)) || tokens.map((_, i) => [i, i + 1]);
  const entries = spans
    .map(([first, end]) => ({
      first,
      end,
      text: joined(tokens.slice(first, end)),
      special: allIn(special, first, end),
    }))
    .filter((entry) => !hide || !entry.special);
  const position = new Int32Array(tokens.length).fill(-1);
  entries.forEach(({ first, end }, at) => position.fill(at, first, end));
  return { entries, position, size: entries.length, tokens: tokens.length };
}

const joined = (pieces) => pieces.map((piece, i) => (i ? piece.replace(/^##/, "") : piece)).join("");

function allIn(set, first, end) {
  for (let at = first; at < end; at++) if (!set.has(at)) return false;
  return true;
}

/** The rows, columns and weights of a head or an aggregate: `{ rows, columns, values, greatest }`. */
export async function gridOf(record, { layer, head, words, hide, onProgress, fresh }) {
  const id = [record.id, layer, head, words, hide].join(" ");
  if (!kept.has(id)) {
    const values = await aggregated(record, layer, head, onProgress, fresh);
    const [rows, columns] = ["query", "key"].map((side) => axisOf(record, side, { words, hide }));
    kept.set(id, gridFrom(rows, columns, reduced(values, rows, columns)));
  }
  const grid = kept.get(id);
  kept.delete(id);
  kept.set(id, grid);
  if (kept.size > CACHE_SIZE) kept.delete(kept.keys().next().value);
  return grid;
}

export function gridFrom(rows, columns, values) {
  let greatest = 0;
  for (const value of values) if (value > greatest) greatest = value;
  return { rows, columns, values, greatest };
}

/** Weights between words: summed over the pieces of a key, averaged over the pieces of a query (Clark et al. 2019). */
function reduced(values, rows, columns) {
  if (rows.size === rows.tokens && columns.size === columns.tokens) return values;
  const found = new Float32Array(rows.size * columns.size);
  rows.entries.forEach((row, r) => {
    for (let q = row.first; q < row.end; q++)
      addRow(found, r * columns.size, columns, (k) => values[q * columns.tokens + k], 1 / (row.end - row.first));
  });
  return found;
}

function addRow(found, offset, columns, weight, factor) {
  columns.position.forEach((c, k) => {
    if (c >= 0) found[offset + c] += weight(k) * factor;
  });
}

/** Yield to the browser every 40 ms, and stop when the result is no longer wanted. */
export function pauses(fresh = () => true) {
  let last = performance.now();
  return async () => {
    if (performance.now() - last > 40) {
      await new Promise((resume) => setTimeout(resume));
      last = performance.now();
    }
    if (!fresh()) throw new Stale();
  };
}

/** Another state was selected before the work was finished. */
export class Stale extends Error {}

/** Weights between all tokens, of one head or aggregated: over heads first, then over layers. */
async function aggregated(record, layer, head, onProgress = () => {}, fresh) {
  const [overLayers, overHeads] = [layer in AGGREGATES, head in AGGREGATES];
  const layers = overLayers ? record.layers.map((_, l) => l) : [record.layers.indexOf(Number(layer))];
  const heads = overHeads ? record.heads.map((_, h) => h) : [record.heads.indexOf(Number(head))];
  const columns = columnsOf(record).length;
  const total = layers.length * heads.length;
  const pause = pauses(total > 1 ? fresh : undefined);
  let [outer, done] = [null, 0];
  for (const l of layers) {
    let inner = null;
    for (const h of heads) {
      if (total > 1) await pause();
      if (total > 40 && done % 8 === 0) onProgress(`Reading ${done} of ${total} heads …`);
      inner = joinedWith(inner, dequantised(await packedHead(record, l, h), columns), head, heads.length);
      done++;
    }
    outer = joinedWith(outer, inner, layer, layers.length);
  }
  return outer;
}

function joinedWith(sum, values, how, count) {
  if (count === 1) return values;
  sum ??= new Float32Array(values.length);
  if (how === "max") for (let i = 0; i < values.length; i++) sum[i] = Math.max(sum[i], values[i]);
  else for (let i = 0; i < values.length; i++) sum[i] += values[i] / count;
  return sum;
}

/** The weights of quantised ones. */
function dequantised({ greatest, shares }, columns) {
  const values = new Float32Array(shares.length);
  for (let q = 0, at = 0; q < greatest.length; q++) {
    const unit = greatest[q] / 255;
    for (const end = at + columns; at < end; at++) values[at] = shares[at] * unit;
  }
  return values;
}

/** The sum or mean of rows (or, on the side of the keys, of columns). */
export function combined(grid, side, positions, join) {
  const { values, rows, columns } = grid;
  const found = new Float32Array(side === "query" ? columns.size : rows.size);
  const factor = join === "mean" ? 1 / positions.length : 1;
  for (const position of positions) {
    const [start, step] = side === "query" ? [position * columns.size, 1] : [position, columns.size];
    for (let i = 0; i < found.length; i++) found[i] += values[start + i * step] * factor;
  }
  return found;
}

/** The same for every head, without forming whole grids: calls `each(number, weights)` for one after the other. */
export async function everyHead(record, grid, side, positions, join, fresh, each) {
  const pause = pauses(fresh);
  const { rows, columns } = grid;
  const from = side === "query" ? rows : columns;
  for (const [number, [l, h]] of headsOf(record).entries()) {
    await pause();
    const { greatest, shares } = await packedHead(record, l, h);
    const found = new Float32Array(side === "query" ? columns.size : rows.size);
    const at = (q, k) => (shares[q * columns.tokens + k] * greatest[q]) / 255;
    const factor = join === "mean" ? 1 / positions.length : 1;
    for (const position of positions) {
      const { first, end } = from.entries[position];
      for (let token = first; token < end; token++) {
        if (side === "query") addRow(found, 0, columns, (k) => at(token, k), factor / (end - first));
        else
          rows.entries.forEach((row, r) => {
            for (let q = row.first; q < row.end; q++) found[r] += (at(q, token) * factor) / (row.end - row.first);
          });
      }
    }
    each(number, found);
  }
}

/** The positions of the strongest weights, weakest first: at most `most`, none below `least`; and the total number. */
export function strongest(grid, least, most) {
  const id = `${least} ${most}`;
  if (grid.strong?.id === id) return grid.strong;
  const { values, greatest } = grid;
  const floor = Math.max(least, greatest / 100, 1e-9);
  const bins = new Uint32Array(1024);
  const scale = 1023.99 / (greatest - floor || 1);
  const bin = (value) => ((value - floor) * scale) | 0;
  let total = 0;
  for (const value of values) if (value >= floor) (bins[bin(value)]++, total++);
  let [low, free] = [1023, most];
  while (low >= 0 && (free -= bins[low]) >= 0) low--;
  const found = [];
  for (let i = 0; i < values.length && found.length < 4 * most; i++)
    if (values[i] >= floor && (low < 0 || bin(values[i]) >= low)) found.push(i);
  found.sort((a, b) => values[a] - values[b]);
  return (grid.strong = { id, positions: found.slice(-most), total, floor });
}
