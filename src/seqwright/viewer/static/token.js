/** One token: its weights over the text, as bars with numbers, and what every other head does with it. */

import { barsDrawing } from "./bars.js";
import { Board } from "./board.js";
import { chosen, headsOf, placeOf, shortName } from "./choice.js";
import { headColours } from "./colour.js";
import { fill, make, refill } from "./dom.js";
import { focusOrTelling, namesOf, opposite, told, toggle } from "./focus.js";
import { Stale, everyHead, gridFrom, together } from "./grid.js";
import { pixels } from "./matrix.js";
import { Passage } from "./passage.js";
import { coloursOf, gridShown, report, shareWithin, tell, weightRows } from "./shown.js";
import { change, hover, state } from "./state.js";

export const tokenView = {
  name: "token",
  label: "One token",
  sentence:
    "What one token looks at: the text shaded by weight, then every weight as a number; each narrow column is one head. Point at another token to see its look, click to pin it.",

  build(host) {
    const look = (side) => (place) => {
      Object.assign(hover, { row: side === "query" ? place : null, column: side === "key" ? place : null });
      this.redraw();
    };
    this.texts = Object.fromEntries(
      ["query", "key"].map((side) => [
        side,
        new Passage(side === "query" ? "Tokens that look" : "Tokens that are looked at", {
          hover: look(side),
          press: (place) => toggle(this.grid, side, place),
        }),
      ]),
    );
    this.sides = make("div", { class: "texts" });
    this.title = make("h2");
    this.bars = new Board("Weights as bars, and of every head as a strip", {
      press: (target) => {
        if (target.head == null) return toggle(this.grid, this.focus.side === "query" ? "key" : "query", target.place);
        const [l, h] = headsOf(chosen())[target.head];
        change({ layer: String(chosen().layers[l]), head: String(chosen().heads[h]) });
      },
      hover: (target) => {
        this.pointed = target?.place ?? null;
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
    const twice = chosen().kind === "cross";
    this.texts.query.show(grid.rows.entries);
    if (twice) this.texts.key.show(grid.columns.entries);
    const { query, key } = this.texts;
    refill(this.sides, twice, () =>
      twice ? [make("h3", {}, "Looks"), query.root, make("h3", {}, "Is looked at"), key.root] : [query.root],
    );
    this.redraw(fresh);
  },

  redraw(fresh = () => true) {
    const { grid } = this;
    if (!grid?.rows.size || !grid.columns.size) return fill(this.title, "All tokens are hidden.");
    const focus = (this.focus = focusOrTelling(grid));
    const { side, places } = focus;
    const weights = together(grid, side, places, state.join);
    const greatest = state.scale === "one" ? places.length : Math.max(...weights, 1e-9);
    const { colours } = coloursOf(grid);
    const share = shareWithin(greatest);
    const other = side === "query" ? "key" : "query";
    if (chosen().kind === "cross") {
      this.texts[side].paint(null, null, null, places);
      this.texts[other].paint(weights, share, colours, []);
    } else this.texts.query.paint(weights, share, colours, places);
    const many = places.length > 1;
    this.title.textContent = `${side === "query" ? "What" : "Who looks at"} ${namesOf(grid, focus)}${side === "query" ? (many ? " look at" : " looks at") : ""}`;
    const { entries } = opposite(grid, side);
    let order = Array.from(entries.keys()).filter((place) => weights[place] >= state.least);
    if (state.order === "weight") order.sort((a, b) => weights[b] - weights[a]);
    this.order = order;
    const rows = order.map((place) => ({
      text: entries[place].text,
      special: entries[place].special,
      value: weights[place],
      place,
    }));
    const record = chosen();
    const mine = placeOf(record, state.layer, state.head);
    const heads = headsOf(record);
    const same = this.strip?.key === stripKey(record, side, places);
    if (!same) this.strip = { key: stripKey(record, side, places), values: heads.map(() => null), image: null };
    const strip = Object.assign(this.strip, {
      columns: heads.length,
      chosen: mine ? mine[0] * record.heads.length + mine[1] : -1,
      names: heads.map(([l, h]) => shortName(record.layers[l], record.heads[h])),
      groups: record.layers.map((layer, l) => ({ at: l * record.heads.length, name: `L${layer}` })),
      value: (place, head) => this.strip.values[head]?.[place],
    });
    this.strip.image = this.stripImage(order, share, colours);
    this.bars.show((width) =>
      barsDrawing({
        rows,
        width,
        greatest,
        colour: headColours()[0],
        strip,
        marked: (row) => row.place === this.pointed,
      }),
    );
    tell(told(grid, focus));
    fill(this.note, coloursOf(grid, greatest).bar, ` · ${heads.length} heads, layer by layer`);
    if (!same || this.strip.values.includes(null))
      this.reading = this.readAll(record, side, places, order, share, colours, fresh);
  },

  /** Read every head's weights of these tokens; draw as they come. */
  async readAll(record, side, places, order, share, colours, given) {
    const { grid, strip } = this;
    const turn = (this.turn = {});
    const fresh = () => turn === this.turn && given();
    let last = performance.now();
    const draw = () => {
      strip.image = this.stripImage(order, share, colours);
      this.bars.paint();
      last = performance.now();
    };
    try {
      await everyHead(record, grid, side, places, state.join, fresh, (head, weights) => {
        strip.values[head] = weights;
        if (performance.now() - last < 150) return;
        report(`Reading ${head + 1} of ${strip.columns} heads …`);
        draw();
      });
    } catch (problem) {
      if (problem instanceof Stale) return;
      throw problem;
    }
    if (!fresh()) return;
    report();
    draw();
  },

  stripImage(order, share, colours) {
    const { values } = this.strip;
    if (!order.length) return null;
    const shown = new Float32Array(order.length * values.length);
    values.forEach(
      (weights, head) => weights && order.forEach((place, row) => (shown[row * values.length + head] = weights[place])),
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

const stripKey = (record, side, places) =>
  [record.id, side, places.join("."), state.words, state.hide, state.join].join(" ");
