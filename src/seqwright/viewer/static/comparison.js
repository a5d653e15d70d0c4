/** Two passes (or two heads) side by side on one scale, and their difference. */

import { aligned } from "./alignment.js";
import { Board } from "./board.js";
import { currentRecord, headsOf, nameOf, passName, positionOf, recordOf, shortName } from "./choice.js";
import { columnsOf, index, packedHead } from "./data.js";
import { diverging, sequential, sideColours } from "./colour.js";
import { clamp, fill, make } from "./dom.js";
import { toggle, focusSentence } from "./focus.js";
import { gridFrom, pauses } from "./grid.js";
import { linesDrawing, linesNote } from "./lines.js";
import { matrixDrawing, pixels, scaleBar } from "./matrix.js";
import { coloursOf, gridShown, pinsOf, showProgress, showReadout } from "./shown.js";
import { change, state } from "./state.js";
import { number, quoted } from "./text.js";

const SIDES = ["Left", "Right", "Difference"];

export const compareView = {
  name: "compare",
  label: "Compare",
  sentence:
    "Two passes (or two heads) on one scale, and their difference over the tokens of both. The map below shows the distance of every head; click one to open it.",

  build(host) {
    this.selects = ["pass2", "layer2", "head2"].map((field) => {
      const select = (event) => change({ [field]: event.target.value });
      return make("select", { "aria-label": `Second ${field.slice(0, -1)}`, change: select });
    });
    const passes = index.passes.map((_, pass) => make("option", { value: pass }, passName(pass) || "this text"));
    fill(this.selects[0], passes);
    this.notice = make("p", { class: "notice", hidden: true });
    this.wires = SIDES.map((what, i) => this.board(`${what}, lines`, i, "wires"));
    this.cells = SIDES.map((what, i) => this.board(`${what}, matrix`, i, "cells"));
    this.names = SIDES.map(() => make("h3"));
    this.bars = SIDES.map(() => make("figcaption", { class: "scalebar cells" }));
    this.unmatched = make("p", { class: "quiet" });
    this.map = new Board("Distance of each head; arrow keys choose", {
      press: ({ l, h }) => change({ layer: String(currentRecord().layers[l]), head: String(currentRecord().heads[h]) }),
    });
    this.mapBar = make("p", { class: "quiet scalebar" });
    this.figures = make(
      "div",
      {},
      SIDES.map((_, i) => make("figure", {}, this.names[i], this.wires[i].root, this.cells[i].root, this.bars[i])),
    );
    fill(
      host,
      make("p", { class: "finder" }, make("span", {}, "Compared with"), this.selects),
      this.notice,
      this.figures,
      this.unmatched,
      make("h3", {}, "Distance of heads"),
      this.map.root,
      this.mapBar,
    );
  },

  board(what, i, form) {
    const at = (target) =>
      target && { row: this.pair("rows", i, target.row), column: this.pair("columns", i, target.column), board: i };
    const board = new Board(what, {
      hover: (target) => {
        this.point = at(target);
        this.redraw();
      },
      press: (target) => {
        const position = this.pair(target.side === "query" ? "rows" : "columns", i, target.position);
        if (position >= 0) toggle(this.grids[2], target.side, position);
      },
    });
    board.root.classList.add(form);
    return board;
  },

  /** The position in the difference of a position in A or B, −1 where it has no counterpart. */
  pair(axis, board, position) {
    if (position == null || board === 2) return position;
    return this.pairs[axis].findIndex((pair) => pair[board] === position);
  },

  focusIn(board) {
    const back = (axis, position) =>
      position == null || position < 0 ? null : board === 2 ? position : this.pairs[axis][position][board];
    if (this.point) {
      const [row, column] = [back("rows", this.point.row), back("columns", this.point.column)];
      if (row != null) return { side: "query", positions: [row], other: column };
      return column == null ? null : { side: "key", positions: [column], other: null };
    }
    const pins = pinsOf(this.grids[2]);
    const axis = pins?.side === "query" ? "rows" : "columns";
    return pins && { ...pins, positions: pins.positions.map((position) => back(axis, position)), other: null };
  },

  /** The record, layer and head to compare with. */
  second() {
    const pass = Number(
      index.passes[state.pass2] ? state.pass2 : index.passes.length > 1 ? 1 - state.pass : state.pass,
    );
    const record = recordOf(pass, state.kind);
    const heads = currentRecord().heads;
    const next = String(heads[(heads.indexOf(Number(state.head)) + 1) % heads.length]);
    const alone = pass === state.pass && !state.layer2 && !state.head2;
    return { pass, record, layer: state.layer2 || state.layer, head: state.head2 || (alone ? next : state.head) };
  },

  async draw(fresh) {
    const other = this.second();
    const [first, second] = [currentRecord(), other.record];
    const has = (value, numbers) => !/^\d+$/.test(value) || numbers.includes(Number(value));
    const problem = !second
      ? `${passName(other.pass)} has no ${state.kind} attention.`
      : has(other.layer, second.layers) && has(other.head, second.heads)
        ? ""
        : `${passName(other.pass)} has no ${shortName(other.layer, other.head)}; choose another.`;
    this.notice.textContent = problem;
    this.notice.hidden = !problem;
    this.figures.hidden = Boolean(problem);
    this.fillSelects(other);
    if (problem) return (this.grids = null);
    const a = await gridShown(fresh);
    const b = await gridShown(fresh, other);
    if (!fresh()) return;
    this.grids = [a, b, this.difference(a, b)];
    this.point = null;
    const same = other.pass === state.pass;
    this.titles = [
      [state.pass, nameOf()],
      [other.pass, nameOf(other.layer, other.head)],
    ].map(([pass, head], i) => (same ? head : passName(pass) || "AB"[i]));
    [...this.titles, "Difference"].forEach((title, i) => fill(this.names[i], make("bdi", {}, title)));
    const greatest = Math.max(a.greatest, b.greatest);
    const { colours, bar } = coloursOf(a, greatest);
    this.figures.className = `figures three ${state.form}`;
    SIDES.forEach((_, i) => {
      if (state.form !== "matrix") this.wires[i].show((width) => this.lines(i, width, greatest));
      if (state.form !== "lines") this.cells[i].show((width) => this.matrix(i, width, greatest, colours));
    });
    fill(this.bars[0], bar);
    fill(this.bars[1], coloursOf(b, greatest).bar);
    const most = number(this.grids[2].most);
    fill(this.bars[2], scaleBar([`left + ${most}`, `right + ${most}`], diverging()));
    this.showUnmatched(a, b);
    this.redraw();
    await this.drawMap(first, other, fresh);
  },

  difference(a, b) {
    const text = (axis) => axis.entries.map((entry) => entry.text);
    this.pairs = { rows: aligned(text(a.rows), text(b.rows)), columns: aligned(text(a.columns), text(b.columns)) };
    const { rows, columns } = this.pairs;
    const values = new Float32Array(rows.length * columns.length);
    rows.forEach(([ra, rb], r) =>
      columns.forEach(([ca, cb], c) => {
        values[r * columns.length + c] = b.values[rb * b.columns.size + cb] - a.values[ra * a.columns.size + ca];
      }),
    );
    const axes = [
      [rows, a.rows],
      [columns, a.columns],
    ].map(([pairs, axis]) => {
      const entries = pairs.map(([position]) => axis.entries[position]);
      const position = new Int32Array(axis.tokens).fill(-1);
      entries.forEach(({ first, end }, at) => position.fill(at, first, end));
      return { entries, position, size: entries.length, tokens: axis.tokens };
    });
    const kept = Math.max(a.greatest, b.greatest) / 255; // the resolution of a weight: smaller differences are none
    return Object.assign(gridFrom(...axes, values), {
      most: values.reduce((most, value) => Math.max(most, Math.abs(value)), kept),
    });
  },

  marks(i) {
    return { focus: () => (this.point ? this.focusIn(i) : null), pins: () => this.focusIn(i), least: state.least };
  },

  lines(i, width, greatest) {
    const grid = this.grids[i];
    const [left, right] = sideColours();
    const positive = (sign) => grid.values.map((value) => Math.max(0, sign * value));
    const part = (sign) => gridFrom(grid.rows, grid.columns, positive(sign));
    const net = i === 2;
    const difference = () => [part(1), part(-1)].map((signed, s) => ({ grid: signed, colour: s ? left : right }));
    const layers = net ? difference() : [{ grid, colour: i ? right : left }];
    return linesDrawing({ layers, width, join: state.join, net, greatest: net ? grid.most : greatest, ...this.marks(i) });
  },

  matrix(i, width, greatest, colours) {
    const grid = this.grids[i];
    const shade =
      i < 2
        ? { colours, share: coloursOf(grid, greatest).share }
        : { colours: diverging(), share: (value) => 0.5 + value / grid.most / 2 };
    return matrixDrawing({ grid, width, height: innerHeight * 0.6, zoom: state.zoom, ...shade, ...this.marks(i) });
  },

  showUnmatched(a, b) {
    const missing = (axis, side, which) => {
      const found = new Set(this.pairs[which].map((pair) => pair[side]));
      return axis.entries.filter((_, position) => !found.has(position)).map((entry) => entry.text);
    };
    const list = (texts) =>
      texts.slice(0, 12).map(quoted).join(", ") + (texts.length > 12 ? ` and ${texts.length - 12} more` : "");
    const both = [["rows", a.rows, b.rows], ...(currentRecord().kind === "cross" ? [["columns", a.columns, b.columns]] : [])];
    const drawn = state.form === "matrix" ? "" : ` ${linesNote(a, state.least)}`;
    const parts = both
      .flatMap(([which, one, two]) => [
        [missing(one, 0, which), this.titles[0]],
        [missing(two, 1, which), this.titles[1]],
      ])
      .filter(([texts]) => texts.length);
    this.unmatched.textContent = parts.length
      ? `Only in one text, and not in the difference: ${parts.map(([texts, name]) => `${list(texts)} of ${name}`).join("; ")}.${drawn}`
      : `Every token is in both texts.${drawn}`;
  },

  fillSelects({ pass, record, layer, head }) {
    const [passes, layers, heads] = this.selects;
    passes.value = String(pass);
    passes.hidden = index.passes.length < 2;
    for (const [select, numbers, now, name] of [
      [layers, record?.layers ?? [], layer, "layer"],
      [heads, record?.heads ?? [], head, "head"],
    ]) {
      fill(
        select,
        numbers.map((n) => make("option", { value: String(n) }, `${name} ${n}`)),
        /^\d+$/.test(now) ? null : make("option", { value: now }, `${name}: ${now}`),
      );
      select.value = now;
    }
  },

  /** Draw the distance of every head: the mean over aligned tokens of half the sum of absolute differences, from 0 to 1. */
  async drawMap(first, other, fresh) {
    const second = other.record;
    const [rows, columns] = [aligned(first.tokens, second.tokens), aligned(columnsOf(first), columnsOf(second))];
    const same = other.pass === state.pass;
    const id = [first.id, second.id, same && `${other.layer}.${other.head}`].join(" ");
    if (this.distances?.id !== id)
      this.distances = { id, values: new Float32Array(first.layers.length * first.heads.length), done: 0 };
    const { values } = this.distances;
    const show = () => {
      const known = values.slice(0, this.distances.done);
      const [low, most] = [Math.min(1, ...known), Math.max(1e-9, ...known)];
      const colours = sequential(state.palette);
      this.map.show((width) =>
        headMap(first, values, (value) => clamp((value - low) / (most - low || 1), 0, 1), colours, width),
      );
      fill(
        this.mapBar,
        scaleBar([number(low), number(most)], colours),
        same
          ? ` · distance of each head from ${shortName(other.layer, other.head)}`
          : " · half the sum of absolute differences, mean over tokens (0: equal, 1: disjoint)",
      );
    };
    show();
    const pause = pauses(fresh);
    const heads = headsOf(first);
    for (; this.distances.done < heads.length; this.distances.done++) {
      await pause();
      const [l, h] = heads[this.distances.done];
      const position = same
        ? positionOf(second, other.layer, other.head)
        : positionOf(second, String(first.layers[l]), String(first.heads[h]));
      if (!position) continue;
      const [a, b] = [await packedHead(first, l, h), await packedHead(second, ...position)];
      values[this.distances.done] = headDistance(a, b, rows, columns, columnsOf(first).length, columnsOf(second).length);
      if (this.distances.done % 16 === 15) showProgress(`Comparing ${this.distances.done + 1} of ${heads.length} heads …`);
    }
    showProgress();
    if (fresh()) show();
  },

  redraw() {
    if (!this.grids) return;
    for (const board of this.boards()) board.paint();
    const sentences = this.titles.map((title, i) => {
      const focus = this.focusIn(i);
      return focus && `${title}: ${focusSentence(this.grids[i], focus, 4)}`;
    });
    showReadout(sentences.filter(Boolean).join("  |  "));
  },

  rows() {
    if (!this.grids) return [[this.notice.textContent]];
    const [a, b, d] = this.grids;
    const cells = d.rows.entries.flatMap((row, r) =>
      d.columns.entries.map((column, c) => {
        const [[ra, rb], [ca, cb]] = [this.pairs.rows[r], this.pairs.columns[c]];
        const found = [
          a.values[ra * a.columns.size + ca],
          b.values[rb * b.columns.size + cb],
          d.values[r * d.columns.size + c],
        ];
        return [row.text, column.text, ...found.map((value) => Number(value.toPrecision(6)))];
      }),
    );
    return [["query", "key", ...this.titles, "difference"], ...cells];
  },

  boards() {
    if (!this.grids) return [];
    return { lines: this.wires, matrix: this.cells, both: [...this.wires, ...this.cells] }[state.form];
  },
};

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
