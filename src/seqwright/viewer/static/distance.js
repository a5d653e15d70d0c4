/** The distance of every head of a pass from its counterpart: a map of layers and heads. */

import { aligned } from "./alignment.js";
import { Board } from "./board.js";
import { currentRecord, headsOf, positionOf, shortName } from "./choice.js";
import { columnsOf, packedHead } from "./data.js";
import { sequential } from "./colour.js";
import { clamp, fill, make } from "./dom.js";
import { gridFrom, pauses } from "./grid.js";
import { pixels, scaleBar } from "./matrix.js";
import { showProgress } from "./shown.js";
import { change, state } from "./state.js";
import { number } from "./text.js";

export class DistanceMap {
  constructor() {
    this.board = new Board("Distance of each head; arrow keys choose", {
      press: ({ l, h }) => change({ layer: String(currentRecord().layers[l]), head: String(currentRecord().heads[h]) }),
    });
    this.bar = make("p", { class: "quiet scalebar" });
  }

  /** Draw the distance of every head: the mean over aligned tokens of half the sum of absolute differences, from 0 to 1. */
  async draw(first, other, fresh) {
    const second = other.record;
    const [rows, columns] = [aligned(first.tokens, second.tokens), aligned(columnsOf(first), columnsOf(second))];
    const same = other.pass === state.pass;
    const id = [first.id, second.id, same && `${other.layer}.${other.head}`].join(" ");
    if (this.found?.id !== id)
      this.found = { id, values: new Float32Array(first.layers.length * first.heads.length), done: 0 };
    const { values } = this.found;
    const show = () => {
      const known = values.slice(0, this.found.done);
      const [low, most] = [Math.min(1, ...known), Math.max(1e-9, ...known)];
      const colours = sequential(state.palette);
      this.board.show((width) =>
        headMap(first, values, (value) => clamp((value - low) / (most - low || 1), 0, 1), colours, width),
      );
      fill(
        this.bar,
        scaleBar([number(low), number(most)], colours),
        same
          ? ` · distance of each head from ${shortName(other.layer, other.head)}`
          : " · half the sum of absolute differences, mean over tokens (0: equal, 1: disjoint)",
      );
    };
    show();
    const pause = pauses(fresh);
    const heads = headsOf(first);
    for (; this.found.done < heads.length; this.found.done++) {
      await pause();
      const [l, h] = heads[this.found.done];
      const position = same
        ? positionOf(second, other.layer, other.head)
        : positionOf(second, String(first.layers[l]), String(first.heads[h]));
      if (!position) continue;
      const [a, b] = [await packedHead(first, l, h), await packedHead(second, ...position)];
      values[this.found.done] = headDistance(a, b, rows, columns, columnsOf(first).length, columnsOf(second).length);
      if (this.found.done % 16 === 15) showProgress(`Comparing ${this.found.done + 1} of ${heads.length} heads …`);
    }
    showProgress();
    if (fresh()) show();
  }
}

/** Half the sum of absolute differences of two heads' rows, tokens without a counterpart taken as one, over the rows of both. */
function headDistance(a, b, rows, columns, widthA, widthB) {
  const [at, to] = [
    (q, k) => (a.shares[q * widthA + k] * a.greatest[q]) / 255,
    (q, k) => (b.shares[q * widthB + k] * b.greatest[q]) / 255,
  ];
  const whole = (weight, q, width) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += weight(q, k);
    return sum;
  };
  let total = 0;
  for (const [qa, qb] of rows) {
    let [sum, restA, restB] = [0, whole(at, qa, widthA), whole(to, qb, widthB)];
    for (const [ka, kb] of columns) {
      const [x, y] = [at(qa, ka), to(qb, kb)];
      sum += Math.abs(x - y);
      restA -= x;
      restB -= y;
    }
    total += (sum + Math.abs(restA - restB)) / 2;
  }
  return rows.length ? total / rows.length : 0;
}

function headMap(record, values, share, colours, width) {
  const size = Math.max(10, Math.min(30, (width - 50) / record.heads.length));
  const [left, top] = [36, 20];
  const grid = gridFrom({ size: record.layers.length }, { size: record.heads.length }, values);
  const image = pixels(grid, colours, share);
  const paint = (p, seen, colour) => {
    record.heads.forEach(
      (head, h) =>
        size > 20 && p.text(`H${head}`, left + (h + 0.5) * size, 9, colour.quiet, { size: 10, align: "center" }),
    );
    record.layers.forEach((layer, l) =>
      p.text(`L${layer}`, left - 6, top + (l + 0.5) * size, colour.quiet, { size: 11, align: "right" }),
    );
    p.image(image, left, top, size * record.heads.length, size * record.layers.length);
    p.frame(left - 0.5, top - 0.5, size * record.heads.length + 1, size * record.layers.length + 1, colour.line);
    const position = positionOf(record, state.layer, state.head);
    if (position) p.frame(left + position[1] * size, top + position[0] * size, size, size, colour.ink, 2);
  };
  const hit = (x, y) => {
    const [h, l] = [Math.floor((x - left) / size), Math.floor((y - top) / size)];
    const inside = x >= left && y >= top && h < record.heads.length && l < record.layers.length;
    if (!inside) return null;
    const distance = `distance ${number(values[l * record.heads.length + h])}`;
    return { l, h, key: `${l} ${h}`, tip: [`Layer ${record.layers[l]} · head ${record.heads[h]}`, distance] };
  };
  return {
    width: left + size * record.heads.length + 4,
    height: top + size * record.layers.length + 4,
    paint,
    hit,
    spot: ({ l, h }) => ({ x: left + (h + 0.5) * size, y: top + (l + 0.5) * size }),
  };
}
