/** One token: its weights over the text as bars with numbers, and its weights in every head. */

import { barsDrawing } from "./bars.js";
import { Board } from "./board.js";
import { currentRecord, headsOf, positionOf, shortName } from "./choice.js";
import { headColours } from "./colour.js";
import { fill, make, refill } from "./dom.js";
import { focusOrSalient, namesOf, opposite, focusSentence, toggle } from "./focus.js";
import { Stale, everyHead, gridFrom, combined } from "./grid.js";
import { pixels } from "./matrix.js";
import { Passage } from "./passage.js";
import { coloursOf, gridShown, showProgress, shareWithin, showReadout, weightRows } from "./shown.js";
import { change, hover, state } from "./state.js";

export const tokenView = {
  name: "token",
  label: "One token",
  sentence:
    "The attention of one token: the text shaded by weight, then every weight as a number; each narrow column is one head. Point at another token for its attention, click to pin it.",

  build(host) {
    const pointAt = (side) => (position) => {
      Object.assign(hover, { row: side === "query" ? position : null, column: side === "key" ? position : null });
      this.redraw();
    };
    this.texts = Object.fromEntries(
      ["query", "key"].map((side) => [
        side,
        new Passage(side === "query" ? "Query tokens" : "Key tokens", {
          hover: pointAt(side),
          press: (position) => toggle(this.grid, side, position),
        }),
      ]),
    );
    this.sides = make("div", { class: "texts" });
    this.title = make("h2");
    this.bars = new Board("Weights as bars, and a strip with every head", {
      press: (target) => {
        if (target.head == null) return toggle(this.grid, this.focus.side === "query" ? "key" : "query", target.position);
        const [l, h] = headsOf(currentRecord())[target.head];
        change({ layer: String(currentRecord().layers[l]), head: String(currentRecord().heads[h]) });
      },
      hover: (target) => {
        this.pointed = target?.position ?? null;
        this.bars.paint();
      },
    });
    this.note = make("p", { class: "quiet scalebar" });
    fill(host, this.sides, this.title, make("figure", {}, this.bars.root, make("figcaption", {}, this.note)));
  },

  async draw(fresh) {
    const grid = await gridShown(fresh);
    if (!fresh()) return;
    this.grid = grid;
    this.pointed = null;
    const crosses = currentRecord().kind === "cross";
    this.texts.query.show(grid.rows.entries);
    if (crosses) this.texts.key.show(grid.columns.entries);
    const { query, key } = this.texts;
    refill(this.sides, crosses, () =>
      crosses ? [make("h3", {}, "Query"), query.root, make("h3", {}, "Key"), key.root] : [query.root],
    );
    this.redraw(fresh);
  },

  redraw(fresh = () => true) {
    const { grid } = this;
    if (!grid?.rows.size || !grid.columns.size) return fill(this.title, "All tokens are hidden.");
    const focus = (this.focus = focusOrSalient(grid));
    const { side, positions } = focus;
    const weights = combined(grid, side, positions, state.join);
    const greatest = state.scale === "one" ? positions.length : Math.max(...weights, 1e-9);
    const { colours } = coloursOf(grid);
    const share = shareWithin(greatest);
    const other = side === "query" ? "key" : "query";
    if (currentRecord().kind === "cross") {
      this.texts[side].paint(null, null, null, positions);
      this.texts[other].paint(weights, share, colours, []);
    } else this.texts.query.paint(weights, share, colours, positions);
    this.title.textContent = `Attention ${side === "query" ? "from" : "to"} ${namesOf(grid, focus)}`;
    const { entries } = opposite(grid, side);
    let order = Array.from(entries.keys()).filter((position) => weights[position] >= state.least);
    if (state.order === "weight") order.sort((a, b) => weights[b] - weights[a]);
    this.order = order;
    const rows = order.map((position) => ({
      text: entries[position].text,
      special: entries[position].special,
      value: weights[position],
      position,
    }));
    const record = currentRecord();
    const mine = positionOf(record, state.layer, state.head);
    const heads = headsOf(record);
    const same = this.strip?.key === stripKey(record, side, positions);
    if (!same) this.strip = { key: stripKey(record, side, positions), values: heads.map(() => null), image: null };
    const strip = Object.assign(this.strip, {
      columns: heads.length,
      chosen: mine ? mine[0] * record.heads.length + mine[1] : -1,
      names: heads.map(([l, h]) => shortName(record.layers[l], record.heads[h])),
      groups: record.layers.map((layer, l) => ({ at: l * record.heads.length, name: `L${layer}` })),
      value: (position, head) => this.strip.values[head]?.[position],
    });
    this.strip.image = this.stripImage(order, share, colours);
    this.bars.show((width) =>
      barsDrawing({
        rows,
        width,
        greatest,
        colour: headColours()[0],
        strip,
        marked: (row) => row.position === this.pointed,
      }),
    );
    showReadout(focusSentence(grid, focus));
    fill(this.note, coloursOf(grid, greatest).bar, ` · ${heads.length} heads, layer by layer`);
    if (!same || this.strip.values.includes(null))
      this.reading = this.readAll(record, side, positions, order, share, colours, fresh);
  },

  /** Read the weights of these tokens in every head, and redraw from time to time. */
  async readAll(record, side, positions, order, share, colours, given) {
    const { grid, strip } = this;
    const request = (this.request = {});
    const fresh = () => request === this.request && given();
    let last = performance.now();
    const draw = () => {
      strip.image = this.stripImage(order, share, colours);
      this.bars.paint();
      last = performance.now();
    };
    try {
      await everyHead(record, grid, side, positions, state.join, fresh, (head, weights) => {
        strip.values[head] = weights;
        if (performance.now() - last < 150) return;
        showProgress(`Reading ${head + 1} of ${strip.columns} heads …`);
        draw();
      });
    } catch (problem) {
      if (problem instanceof Stale) return;
      throw problem;
    }
    if (!fresh()) return;
    showProgress();
    draw();
  },

  stripImage(order, share, colours) {
    const { values } = this.strip;
    if (!order.length) return null;
    const shown = new Float32Array(order.length * values.length);
    values.forEach(
      (weights, head) => weights && order.forEach((position, row) => (shown[row * values.length + head] = weights[position])),
    );
    const whole = gridFrom({ size: order.length }, { size: values.length }, shown);
    return pixels(whole, colours, share);
  },

  rows() {
    return weightRows(this.grid, this.focus);
  },

  boards() {
    return [this.bars];
  },
};

const stripKey = (record, side, positions) =>
  [record.id, side, positions.join("."), state.words, state.hide, state.join].join(" ");
