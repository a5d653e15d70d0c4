/** One head: lines between two columns of tokens, and a matrix. */

import { addBeside, currentRecord, headsOf, nameOf, shortName } from "./choice.js";
import { headColours } from "./colour.js";
import { button, fill, make, refill } from "./dom.js";
import { focusOf } from "./focus.js";
import { linesDrawing, linesNote } from "./lines.js";
import { matrixDrawing } from "./matrix.js";
import { coloursOf, gridShown, pinsOf, showFocus, tokenBoard, weightRows } from "./shown.js";
import { state } from "./state.js";
import { isEastAsian } from "./text.js";

export const headView = {
  name: "head",
  label: "One head",
  sentence:
    "Lines run from each query token to the keys it attends to, and are stronger for greater weights. Point at a token on either side for numbers, click to pin it, and pin several to add them up.",

  build(host) {
    const redraw = () => this.redraw();
    const grid = () => this.grid;
    this.lines = tokenBoard("Lines from queries to keys; arrow keys move, Enter pins", grid, redraw);
    this.matrix = tokenBoard("Matrix: rows are queries, columns are keys; arrow keys move, Enter pins", grid, redraw);
    this.matrix.cells = true;
    this.chips = make("span", { class: "chips" });
    this.more = make("select", { "aria-label": "Draw another head as well", change: () => addBeside(this.more.value) });
    this.note = make("p", { class: "quiet" });
    this.bar = make("p", { class: "quiet scalebar" });
    this.figures = make(
      "div",
      { class: "figures" },
      make("figure", {}, this.lines.root, make("figcaption", {}, this.note)),
      make("figure", {}, this.matrix.root, make("figcaption", {}, this.bar)),
    );
    fill(host, make("div", { class: "legend" }, this.chips, this.more), this.figures);
  },

  async draw(fresh) {
    const grid = await gridShown(fresh);
    const others = [];
    for (const name of state.beside) {
      const [layer, head] = name.split(".");
      others.push({ name, grid: await gridShown(fresh, { layer, head }) });
    }
    if (!fresh()) return;
    const colours = headColours();
    const layers = [{ name: "", grid }, ...others].map((layer, i) => ({ ...layer, colour: colours[i] }));
    const record = currentRecord();
    this.grid = grid;
    const along = state.flow ? state.flow === "along" : isEastAsian(record.tokens);
    this.figures.className = `figures pair ${state.form}${along ? " along" : ""}`;
    this.lines.along = along;
    const focus = () => focusOf(grid);
    const pins = () => pinsOf(grid);
    if (state.form !== "matrix")
      this.lines.show((width) =>
        linesDrawing({ layers, width, along, least: state.least, join: state.join, focus, pins }),
      );
    const { colours: shades, share, bar } = coloursOf(grid);
    if (state.form !== "lines") {
      const shared = { grid, zoom: state.zoom, colours: shades, share, least: state.least, focus, pins };
      this.matrix.show((width) => matrixDrawing({ ...shared, width, height: Math.max(420, innerHeight * 0.7) }));
      fill(this.bar, bar, state.zoom > 1 ? ` · zoom ${state.zoom}×` : null);
    }
    this.note.textContent = linesNote(grid, state.least);
    this.showLegend(record, layers);
    this.redraw();
  },

  showLegend(record, layers) {
    const chip = ({ name, colour }) => {
      const swatch = make("i", { class: "swatch" });
      swatch.style.background = colour;
      const off = name && button("×", { "aria-label": `Remove ${name}`, click: () => addBeside(name) });
      return make("span", { class: "chip" }, swatch, name ? shortName(...name.split(".")) : nameOf(), off || null);
    };
    fill(this.chips, layers.map(chip));
    this.more.hidden = layers.length > 5;
    this.more.value = "";
    refill(this.more, record.id, () => [
      make("option", { value: "" }, "+ another head"),
      headsOf(record).map(([l, h]) =>
        make("option", { value: `${record.layers[l]}.${record.heads[h]}` }, shortName(record.layers[l], record.heads[h])),
      ),
    ]);
  },

  redraw() {
    if (!this.grid) return;
    for (const board of this.boards()) board.paint();
    showFocus(this.grid);
  },

  rows() {
    return weightRows(this.grid);
  },

  boards() {
    return { both: [this.lines, this.matrix], lines: [this.lines], matrix: [this.matrix] }[state.form];
  },
};
