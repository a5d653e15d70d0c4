/** Two passes (or two heads) side by side on one scale, and their difference. */

import { aligned } from "./alignment.js";
import { Board } from "./board.js";
import { currentRecord, nameOf, passName, recordOf, shortName } from "./choice.js";
import { index } from "./data.js";
import { diverging, sideColours } from "./colour.js";
import { DistanceMap } from "./distance.js";
import { fill, make } from "./dom.js";
import { toggle, focusSentence } from "./focus.js";
import { gridFrom } from "./grid.js";
import { linesDrawing, linesNote } from "./lines.js";
import { matrixDrawing, scaleBar } from "./matrix.js";
import { coloursOf, gridShown, pinsOf, showReadout } from "./shown.js";
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
    this.distances = new DistanceMap();
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
      this.distances.board.root,
      this.distances.bar,
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
    await this.distances.draw(first, other, fresh);
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
