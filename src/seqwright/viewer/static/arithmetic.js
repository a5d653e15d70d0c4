/** The computation of weights step by step: query · key, scaled, masked, softmax, and the weighted sum of values. */

import { Board } from "./board.js";
import { currentRecord, nameOf, positionOf } from "./choice.js";
import { columnsOf, index, projectionsOf } from "./data.js";
import { diverging, headColours } from "./colour.js";
import { clamp, fill, make } from "./dom.js";
import { focusOrSalient } from "./focus.js";
import { gridFrom, gridOf } from "./grid.js";
import { pixels } from "./matrix.js";
import { fit, widthOf } from "./painter.js";
import { Passage } from "./passage.js";
import { showReadout } from "./shown.js";
import { change, hover, state } from "./state.js";
import { brief, full, number, quoted } from "./text.js";

const STEP = 22;

export const stepsView = {
  name: "steps",
  label: "Step by step",
  sentence:
    "The computation of one token's weights: the products of its query with every key (q · k) are scaled and masked, softmax turns them into weights, and the output is the weighted sum of the values. Point at a row for its numbers.",

  build(host) {
    this.missing = make("p", { class: "notice" });
    this.text = new Passage("Query tokens", {
      hover: (position) => {
        hover.row = position;
        this.redraw();
      },
      press: (position) => change({ side: "query", pins: [position] }),
    });
    this.board = new Board("Queries, keys, scores, weights and values", {
      hover: (target) => {
        this.key = target?.position ?? null;
        this.explain();
        this.board.paint();
      },
      move: (dx, dy) => {
        this.key = clamp((this.key ?? -dy) + dy, 0, this.rows_.length - 1);
        this.board.reveal({ row: this.order.indexOf(this.key) });
        this.explain();
        this.board.paint();
      },
    });
    this.detail = make("ol", { class: "sums" });
    this.parts = make("div", {}, this.text.root, this.board.root, this.detail);
    fill(host, this.missing, this.parts);
  },

  async draw(fresh) {
    const record = currentRecord();
    const position = positionOf(record, state.layer, state.head);
    const missing = !record.projections
      ? `${record.projectionsMissing} ${index.passes[state.pass].note}`
      : position
        ? ""
        : `${nameOf()} has no single query and key: choose one layer and one head.`;
    this.missing.textContent = missing;
    this.missing.hidden = !missing;
    this.parts.hidden = Boolean(missing);
    this.grid = null;
    if (missing) return showReadout("");
    const grid = await gridOf(record, { layer: state.layer, head: state.head, words: false, hide: false });
    const found = await projectionsOf(record, ...position);
    if (!fresh()) return;
    const { scale, width, valueWidth } = record.projections;
    Object.assign(this, { grid, found, record, scale: scale[position[0]], width, valueWidth, key: null });
    this.text.show(grid.rows.entries);
    this.redraw();
  },

  redraw() {
    if (!this.grid) return;
    const focus = focusOrSalient(this.grid);
    const query = focus.side === "query" ? focus.positions.at(-1) : 0;
    this.query = query;
    this.text.paint(null, null, null, [query]);
    this.rows_ = this.sums(query);
    this.order = this.rows_.map((_, key) => key);
    if (state.order === "weight") this.order.sort((a, b) => this.rows_[b].weight - this.rows_[a].weight);
    this.board.show((width) => this.drawing(width));
    this.explain();
  },

  /** The numbers from a query to its weights. */
  sums(query) {
    const { width, scale } = this;
    const { queries, keys, scores } = this.found;
    const tokens = columnsOf(this.record);
    const rows = tokens.map((token, key) => {
      const products = Float32Array.from(
        { length: width },
        (_, i) => queries[query * width + i] * keys[key * width + i],
      );
      const dot = products.reduce((a, b) => a + b, 0);
      const score = scores[query * tokens.length + key];
      const weight = this.grid.values[query * tokens.length + key];
      return { token, products, dot, scaled: dot * scale, score, weight };
    });
    const greatest = Math.max(...rows.map((row) => row.score).filter(Number.isFinite));
    this.total = rows.reduce((sum, row) => sum + Math.exp(row.score - greatest), 0);
    this.biased = rows.some((row) => Math.abs(biasOf(row)) > 0);
    return rows.map((row) => ({ ...row, raised: Math.exp(row.score - greatest), greatest }));
  },

  drawing(width) {
    const { rows_, order, width: c, valueWidth: v, query } = this;
    const { queries, keys, values } = this.found;
    const label = clamp(Math.max(...rows_.slice(0, 600).map((row) => widthOf(brief(row.token)))) + 10, 40, 130);
    const numbers = ["dot", "scaled", ...(this.biased ? ["bias"] : []), "score"];
    const strip = clamp((width - label - numbers.length * 70 - 124 - 5 * 12) / 3, 56, 190);
    const bands = [["k", strip], ["qk", strip], ...numbers.map((name) => [name, 58]), ["weight", 118], ["wv", strip]];
    let x = label;
    const at = Object.fromEntries(bands.map(([name, wide]) => [name, (x += wide + 12) - wide]));
    const top = 66;
    const bottom = top + STEP * order.length;
    const image = (rows, cells, columns = c) => {
      const grid = gridFrom({ size: rows }, { size: columns }, cells);
      const most = cells.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
      return pixels(grid, diverging(), (value) => 0.5 + value / most / 2);
    };
    const stacked = (cell, columns = c) => {
      const cells = { length: order.length * columns };
      const value = (_, i) => cell(order[Math.floor(i / columns)], i % columns);
      return image(order.length, Float32Array.from(cells, value), columns);
    };
    const output = Float32Array.from({ length: v }, (_, i) =>
      rows_.reduce((sum, row, key) => sum + row.weight * values[key * v + i], 0),
    );
    const pictures = {
      k: stacked((key, i) => keys[key * c + i]),
      qk: stacked((key, i) => rows_[key].products[i]),
      wv: stacked((key, i) => rows_[key].weight * values[key * v + i], v),
    };
    const [queryImage, sum] = [image(1, queries.slice(query * c, (query + 1) * c)), image(1, output, v)];
    const titles = {
      k: "key",
      qk: "query × key",
      dot: "q · k",
      scaled: `× ${number(this.scale)}`,
      bias: "+ bias",
      score: "score",
      weight: "softmax",
      wv: "weight × value",
    };
    const paint = (p, seen, colours) => {
      for (const [name, position] of Object.entries(at)) {
        const right = numbers.includes(name);
        p.text(titles[name], position + (right ? 56 : 0), 52, colours.quiet, {
          size: 11,
          align: right ? "right" : "left",
        });
      }
      p.text("query", label, 20, colours.quiet, { size: 11, align: "right" });
      p.image(queryImage, at.k, 10, strip, 20);
      p.text(quoted(rows_.length ? this.grid.rows.entries[query].text : ""), at.k + strip + 12, 20, colours.ink, {
        bold: true,
      });
      for (const [name, picture] of Object.entries(pictures))
        p.image(picture, at[name], top, strip, STEP * order.length);
      order.forEach((key, i) => {
        const [row, y] = [rows_[key], top + (i + 0.5) * STEP];
        if (y < seen.y - STEP || y > seen.y + seen.height + STEP) return;
        const bold = key === this.key;
        if (bold) p.rect(0, y - STEP / 2, label + 6, STEP, colours.link, 0.16);
        p.text(fit(brief(row.token), label - 6), label, y, colours.ink, { align: "right", bold });
        p.rect(at.k, y + STEP / 2 - 0.5, strip, 1, colours.page, 0.8);
        for (const name of numbers)
          p.text(
            name === "score" && row.score === -Infinity ? "masked" : number(name === "bias" ? biasOf(row) : row[name]),
            at[name] + 56,
            y,
            row.score === -Infinity ? colours.quiet : colours.ink,
            { size: 12, align: "right", bold },
          );
        p.rect(at.weight, y - 6, 74, 12, colours.line, 0.4);
        p.rect(at.weight, y - 6, 74 * Math.min(1, row.weight), 12, headColours()[0]);
        p.text(number(row.weight), at.weight + 116, y, colours.ink, { size: 12, align: "right", bold });
      });
      p.text("output: the weighted sum", at.wv - 12, bottom + 20, colours.quiet, { size: 11, align: "right" });
      p.image(sum, at.wv, bottom + 10, strip, 20);
    };
    const hit = (px, py) => {
      const key = order[Math.floor((py - top) / STEP)];
      return key == null || py < top
        ? null
        : {
            position: key,
            key,
            tip: [full(rows_[key].token), `score ${number(rows_[key].score)}`, `weight ${number(rows_[key].weight)}`],
          };
    };
    return {
      width: at.wv + strip + 8,
      height: bottom + 40,
      paint,
      hit,
      spot: ({ row }) => ({ x: 20, y: top + (row + 0.5) * STEP }),
    };
  },

  /** Show the numbers of one key: the one pointed at, else the strongest. */
  explain() {
    const { rows_, query } = this;
    const key = this.key ?? rows_.reduce((best, row, at) => (row.weight > rows_[best].weight ? at : best), 0);
    const row = rows_[key];
    const [q, k] = [this.found.queries, this.found.keys].map(
      (from, i) => (at) => from[(i ? key : query) * this.width + at],
    );
    const order = Array.from(row.products.keys()).sort((a, b) => Math.abs(row.products[b]) - Math.abs(row.products[a]));
    const terms = order
      .slice(0, 6)
      .map((i) => `${number(q(i))} × ${number(k(i))}`)
      .join(" + ");
    const names = `${quoted(this.grid.rows.entries[query].text)} and ${quoted(row.token)}`;
    const masked = row.score === -Infinity;
    const bias = biasOf(row);
    fill(
      this.detail,
      [
        `${names}: q · k = ${terms}${this.width > 6 ? ` + ${this.width - 6} smaller` : ""} = ${number(row.dot)}`,
        `Scaled: ${number(row.dot)} × ${number(this.scale)} = ${number(row.scaled)}${masked || !bias ? "" : `, plus ${number(bias)} of bias: ${number(row.score)}`}`,
        masked
          ? "Masked: the score of this key is −∞ and its weight 0."
          : `Softmax: e^(${number(row.score)} − ${number(row.greatest)}) ÷ ${number(this.total)} = ${number(row.raised / this.total)}; recorded: ${number(row.weight)}`,
        `${number(row.weight)} × the value of ${quoted(row.token)} is added to the output of ${quoted(this.grid.rows.entries[query].text)}.`,
      ].map((text) => make("li", {}, text)),
    );
    showReadout("");
  },

  rows() {
    if (!this.grid) return [[this.missing.textContent]];
    const numbers = (row) =>
      [row.dot, row.scaled, biasOf(row), row.score, row.weight].map((value) =>
        Number.isFinite(value) ? Number(value.toPrecision(6)) : "-inf",
      );
    return [
      ["key", "q·k", "scaled", "bias", "score", "weight"],
      ...this.rows_.map((row) => [row.token, ...numbers(row)]),
    ];
  },

  boards() {
    return this.grid ? [this.board] : [];
  },
};

/** The difference of a score and q · k × scale, where it is greater than the error of half floats. */
function biasOf({ scaled, score }) {
  const bias = score - scaled;
  return Number.isFinite(bias) && Math.abs(bias) > 0.01 * (1 + Math.abs(scaled)) ? bias : 0;
}
