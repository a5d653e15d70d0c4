/** All heads: thumbnails in a grid, or a sorted list, with a preview of the one pointed at. */

import { Board } from "./board.js";
import { addBeside, currentRecord, nameOf, positionOf, shortName, stepHead } from "./choice.js";
import { headColours, sequential } from "./colour.js";
import { button, fill, make } from "./dom.js";
import { linesDrawing } from "./lines.js";
import { matrixDrawing } from "./matrix.js";
import { MEASURES, foundHeads } from "./search.js";
import { coloursOf, gridShown, openHead, showReadout } from "./shown.js";
import { change, state } from "./state.js";
import { gridOfHeads, thumbnailImages } from "./thumbnails.js";

const MAX_LISTED = 400;

export const headsView = {
  name: "heads",
  label: "All heads",
  heading: "All heads",
  sentence:
    "Each picture is one head: rows are queries, columns are the keys they attend to. Point at one for a preview, click to open it.",

  build(host) {
    this.find = make("input", {
      type: "search",
      placeholder: "previous > 0.5, L3 H5, induction …",
      "aria-label": "Search heads",
      "aria-describedby": "find-help",
      autocomplete: "off",
      spellcheck: "false",
      input: () => change({ find: this.find.value }),
    });
    this.help = make("p", { id: "find-help", class: "quiet help", role: "status" });
    this.sort = make("select", {
      "aria-label": "Sort by",
      change: () => change({ sort: this.sort.value, rising: false, find: unsorted(state.find) }),
    });
    this.mode = button("As a list", { "aria-pressed": "false", click: () => change({ list: !state.list }) });
    const select = (target) =>
      target && change({ layer: String(currentRecord().layers[target.l]), head: String(currentRecord().heads[target.h]) });
    this.board = new Board("All heads, layers from top to bottom; arrow keys choose, Enter opens", {
      hover: (target) => this.showPreview(target && [target.l, target.h]),
      press: (target, event) => {
        const [layer, head] = [currentRecord().layers[target.l], currentRecord().heads[target.h]];
        if (event.shiftKey) addBeside(`${layer}.${head}`);
        else openHead(layer, head);
      },
      move: (dx, dy) => stepHead(dy, dx),
      enter: () => change({ view: "head" }),
    });
    this.list = make("div", { class: "wide list" });
    this.preview = new Board(
      "The head that is pointed at",
      { press: () => select(this.seen && { l: this.seen[0], h: this.seen[1] }) || change({ view: "head" }) },
      { tall: 0.62 },
    );
    this.about = make("div", { class: "about" });
    fill(
      host,
      make(
        "div",
        { class: "finder" },
        make("label", {}, "Find ", this.find),
        make("label", {}, "Sort ", this.sort),
        this.mode,
      ),
      this.help,
      make(
        "div",
        { class: "beside" },
        make("div", {}, this.board.root, this.list),
        make("aside", { "aria-label": "One head" }, this.about, this.preview.root),
      ),
    );
  },

  async draw(fresh) {
    const record = currentRecord();
    const { heads, sorted, problem } = await foundHeads(record, state);
    if (!fresh()) return;
    Object.assign(this, { record, heads, sorted, position: positionOf(record, state.layer, state.head) });
    if (this.find.value !== state.find) this.find.value = state.find;
    fill(
      this.sort,
      [
        ["", "by number"],
        ...Object.keys(MEASURES)
          .filter((name) => name in heads[0].values)
          .map((name) => [name, name]),
      ].map(([value, text]) => make("option", { value, selected: value === sorted }, text)),
    );
    this.sort.value = sorted;
    this.mode.setAttribute("aria-pressed", state.list);
    const fitting = heads.filter((head) => head.fits);
    const found = state.find && fitting.length < heads.length ? `${fitting.length} of ${heads.length} heads match. ` : "";
    this.help.textContent =
      problem ||
      found +
        (sorted
          ? `${sorted}: ${MEASURES[sorted]}${sorted === "similar" && this.position ? `, ${shortName(state.layer, state.head)}` : ""}.`
          : "");
    this.board.root.hidden = state.list;
    this.list.hidden = !state.list;
    const images = await thumbnailImages(record, sequential(state.palette));
    if (!fresh()) return;
    if (state.list) this.fillList(fitting, images);
    else this.board.show((width) => this.grid(width, images));
    showReadout("");
    await this.showPreview(null, fresh);
  },

  grid(width, images) {
    const { record, heads, sorted } = this;
    const colours = headColours();
    const marked = (l, h) => {
      const at = state.beside.indexOf(`${record.layers[l]}.${record.heads[h]}`);
      return at < 0 ? null : colours[at + 1];
    };
    const drawing = gridOfHeads({ record, images, heads, sorted, width, chosen: this.position, marked });
    const hit = (x, y) => {
      const target = drawing.hit(x, y);
      return target && { ...target, tip: this.tipOf(target.l, target.h) };
    };
    return { ...drawing, hit };
  },

  tipOf(l, h) {
    const { values } = this.heads.find((head) => head.l === l && head.h === h);
    const most = Object.entries(values)
      .filter(([name]) => !["distance", "similar"].includes(name))
      .sort((a, b) => b[1] - a[1]);
    const first = this.sorted ? [[this.sorted, values[this.sorted]]] : [];
    const lines = [...new Map([...first, ...most.slice(0, 3)])].map(([name, value]) => `${name} ${value.toFixed(2)}`);
    return [`Layer ${this.record.layers[l]} · head ${this.record.heads[h]}`, ...lines];
  },

  /** Preview a head: the one pointed at, else the current one. */
  async showPreview(position, given) {
    const record = this.record;
    const at = position ?? this.position;
    const request = (this.request = {});
    const fresh = () => request === this.request && record === currentRecord() && (given?.() ?? true);
    const [layer, head] = at ? [String(record.layers[at[0]]), String(record.heads[at[1]])] : [state.layer, state.head];
    let grid;
    try {
      grid = await gridShown(fresh, { layer, head });
    } catch (problem) {
      if (fresh()) throw problem;
      return;
    }
    if (!fresh()) return;
    this.seen = at;
    this.about.replaceChildren(
      make("h2", {}, nameOf(layer, head)),
      at ? this.measuresOf(...at) : make("p", { class: "quiet" }, "Aggregated over several heads."),
    );
    this.preview.show((width) => preview(grid, width));
  },

  measuresOf(l, h) {
    const { values } = this.heads.find((head) => head.l === l && head.h === h);
    const most = Math.max(1, this.record.tokens.length / 2);
    return make(
      "dl",
      { class: "measures" },
      Object.entries(values)
        .filter(([name]) => name !== "similar")
        .map(([name, value]) => {
          const bar = make("i");
          bar.style.width = `${100 * Math.min(1, name === "distance" ? value / most : value)}%`;
          return make(
            "div",
            { title: MEASURES[name] },
            make("dt", {}, name),
            make(
              "dd",
              {},
              make("span", { class: "bar" }, bar),
              make("b", {}, name === "distance" ? value.toFixed(1) : value.toFixed(2)),
            ),
          );
        }),
    );
  },

  fillList(heads, images) {
    const names = Object.keys(MEASURES).filter((name) => name in this.heads[0].values);
    const greatest = Object.fromEntries(
      names.map((name) => [
        name,
        Math.max(1e-9, ...this.heads.map((head) => head.values[name]), name === "distance" ? 0 : 1),
      ]),
    );
    const sorting = (name) =>
      make(
        "th",
        { scope: "col", "aria-sort": name === this.sorted ? (state.rising ? "ascending" : "descending") : null },
        button(name, {
          title: MEASURES[name],
          click: () => change({ sort: name, find: unsorted(state.find), rising: name === this.sorted && !state.rising }),
        }),
      );
    const row = ({ l, h, number: at, values }) => {
      const [layer, head] = [this.record.layers[l], this.record.heads[h]];
      const picture = Object.assign(document.createElement("canvas"), {
        width: images[at].width,
        height: images[at].height,
      });
      picture.getContext("2d").drawImage(images[at], 0, 0);
      const cells = names.map((name) => {
        const cell = make("td", { class: "number" }, values[name].toFixed(name === "distance" ? 1 : 2));
        cell.style.setProperty("--share", `${(100 * values[name]) / greatest[name]}%`);
        return cell;
      });
      const showPreview = () => this.showPreview([l, h]);
      const open = button(shortName(layer, head), { class: "link", click: () => openHead(layer, head), focus: showPreview });
      return make(
        "tr",
        {
          pointerenter: showPreview,
          class: this.position?.[0] === l && this.position[1] === h ? "chosen" : null,
        },
        make("td", {}, picture),
        make("th", { scope: "row" }, open),
        cells,
      );
    };
    const note =
      heads.length > MAX_LISTED ? `The first ${MAX_LISTED} of ${heads.length} heads; search to see others.` : "";
    fill(
      this.list,
      make(
        "table",
        {},
        make("caption", { class: "unseen" }, "Heads and their pattern scores"),
        make("thead", {}, make("tr", {}, make("td"), make("th", { scope: "col" }, "head"), names.map(sorting))),
        make("tbody", {}, heads.slice(0, MAX_LISTED).map(row)),
      ),
      make("p", { class: "quiet" }, note),
    );
  },

  rows() {
    const names = Object.keys(this.heads[0].values);
    return [
      ["layer", "head", ...names],
      ...this.heads
        .filter((head) => head.fits)
        .map(({ l, h, values }) => [
          this.record.layers[l],
          this.record.heads[h],
          ...names.map((name) => Number(values[name].toPrecision(6))),
        ]),
    ];
  },

  boards() {
    return state.list ? [this.preview] : [this.board, this.preview];
  },
};

/** A search text, but nothing where it is only the name of a measure, which sorts. */
const unsorted = (find) => find.replace(/^\s*[a-z]+\s*$/i, "");

function preview(grid, width) {
  const { colours, share } = coloursOf(grid);
  if (grid.values.length > 1500) return matrixDrawing({ grid, width, colours, share, height: 420, least: state.least });
  return linesDrawing({ layers: [{ grid, colour: headColours()[0] }], width, least: state.least, join: state.join });
}
