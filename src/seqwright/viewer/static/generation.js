/** A generation step by step: the candidates, their probabilities, and the attention of each step. */

import { barsDrawing } from "./bars.js";
import { Board } from "./board.js";
import { positionOf, recordOf, stepsOf } from "./choice.js";
import { headColours, sequential } from "./colour.js";
import { button, clamp, fill, make } from "./dom.js";
import { combined } from "./grid.js";
import { matrixDrawing } from "./matrix.js";
import { Passage } from "./passage.js";
import { gridShown, shareOf, shareWithin, showReadout } from "./shown.js";
import { change, state } from "./state.js";
import { number, quoted } from "./text.js";

const PACE = 1100;
const WHERE = { cross: "Attention to the source", decoder: "Attention to the tokens before" };

export const generationView = {
  name: "generation",
  label: "Generation",
  sentence:
    "The model generates one token at a time. Each step shows the likeliest candidates and the attention at the token that predicted them.",

  build(host) {
    clearInterval(this.timer);
    this.timer = null;
    const go = (by) => () => this.go(by);
    this.play = button("Play", { click: () => this.toggle() });
    this.slider = make("input", {
      type: "range",
      min: 0,
      "aria-label": "Step",
      input: () => change({ step: Number(this.slider.value) }),
    });
    this.at = make("b", { class: "step", role: "status" });
    this.written = new Passage("Generated tokens; press one for its step", {
      press: (position) => change({ step: position }),
    });
    this.candidates = new Board("Candidates and their probabilities");
    this.panels = Object.fromEntries(
      Object.keys(WHERE).map((kind) => [
        kind,
        {
          title: make("h3", {}, WHERE[kind]),
          text: new Passage(WHERE[kind], {}),
          bars: new Board(`${WHERE[kind]}: weights`),
          matrix: new Board(`${WHERE[kind]}: all steps`, { press: (target) => this.goTo(target.row) }),
        },
      ]),
    );
    this.notice = make("p", { class: "notice" });
    const panel = ({ title, text, bars, matrix }) =>
      make("section", {}, title, text.root, make("div", { class: "figures pair both" }, bars.root, matrix.root));
    this.parts = make(
      "div",
      {},
      make(
        "div",
        { class: "finder player" },
        button("◀", { "aria-label": "Previous step", click: go(-1) }),
        this.play,
        button("▶", { "aria-label": "Next step", click: go(1) }),
        this.slider,
        this.at,
      ),
      this.written.root,
      make("h3", {}, "Candidates"),
      this.candidates.root,
      Object.values(this.panels).map(panel),
    );
    fill(host, this.notice, this.parts);
  },

  async draw(fresh) {
    const steps = stepsOf();
    this.notice.textContent = steps ? "" : "Nothing was generated in this pass.";
    this.notice.hidden = Boolean(steps);
    this.parts.hidden = !steps;
    this.steps = null;
    if (!steps) return showReadout("");
    const panels = [];
    for (const kind of Object.keys(WHERE)) {
      const record = recordOf(state.pass, kind);
      const part = this.panels[kind];
      part.title.parentElement.hidden = !record;
      if (!record) continue;
      const known = positionOf(record, state.layer, state.head) || !/^\d+$/.test(state.layer + state.head);
      const grid = await gridShown(fresh, { record, ...(!known && { layer: "mean", head: "mean" }) });
      panels.push([part, grid, kind]);
    }
    if (!fresh()) return;
    this.steps = steps;
    const step = (this.step_ = steps[state.step]);
    this.slider.max = steps.length - 1;
    this.slider.value = state.step;
    this.at.textContent = `Step ${state.step + 1} of ${steps.length}: ${quoted(step.chosen)}, ${number(step.probability)}`;
    if (this.entries?.steps !== steps) {
      const entries = steps.map(({ chosen: text }, first) => ({ text, first, special: false }));
      this.entries = Object.assign(entries, { steps });
    }
    this.written.show(this.entries);
    this.written.paint(null, null, null, [state.step]);
    const known = step.probability == null ? [] : [{ token: step.chosen, probability: step.probability }];
    const several = step.candidates.length ? step.candidates : known;
    const rows = several.map(({ token, probability }, position) => ({
      text: token,
      value: probability,
      position,
      chosen: token === step.chosen,
    }));
    const bars = { rows, greatest: 1, colour: headColours()[2], marked: (row) => row.chosen };
    this.candidates.show((width) => barsDrawing({ ...bars, width: Math.min(width, 560) }));
    this.shown = panels.map(([part, grid, kind]) => this.showPanel(part, grid, step.query, kind));
    const summaries = this.shown.map(({ summary }) => summary);
    showReadout(summaries.filter(Boolean).join(" · "));
  },

  /** Show the attention at the token that predicted the step's choice. */
  showPanel({ text, bars, matrix }, grid, query, kind) {
    const row = grid.rows.position[query];
    const weights = row < 0 ? new Float32Array(grid.columns.size) : combined(grid, "query", [row], "sum");
    const colours = sequential(state.palette);
    const greatest = state.scale === "one" ? 1 : Math.max(...weights, 1e-9);
    const { entries } = grid.columns;
    text.show(entries);
    text.paint(weights, shareWithin(greatest), colours, []);
    const rows = entries
      .map((entry, position) => ({ text: entry.text, special: entry.special, value: weights[position], position }))
      .filter(({ value }) => value >= state.least && (kind === "cross" || value > 0));
    bars.show((width) => barsDrawing({ rows, width, greatest, colour: headColours()[0] }));
    const focus = () => (row < 0 ? null : { side: "query", positions: [row], other: null });
    matrix.show((width) =>
      matrixDrawing({ grid, width, height: 420, colours, share: shareOf(grid), least: state.least, pins: focus }),
    );
    matrix.reveal({ row: Math.max(0, row) });
    const best = rows.reduce((most, one) => (one.value > (most?.value ?? 0) ? one : most), null);
    const summary = best && `${WHERE[kind].toLowerCase()}: most on ${quoted(best.text)} (${number(best.value)})`;
    return { summary, grid, weights, kind };
  },

  go(by) {
    change({ step: clamp(state.step + by, 0, this.steps.length - 1) });
  },

  goTo(row) {
    const at = row == null ? -1 : this.steps.findIndex((step) => this.shown[0].grid.rows.position[step.query] === row);
    if (at >= 0) change({ step: at });
  },

  toggle() {
    const playing = Boolean(this.timer);
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = playing ? "Play" : "Pause";
    if (playing) return;
    if (state.step === this.steps.length - 1) change({ step: 0 });
    this.timer = setInterval(() => {
      if (state.view !== "generation" || state.step >= this.steps.length - 1) this.toggle();
      else this.go(1);
    }, PACE);
  },

  step(by) {
    if (this.steps) this.go(by);
  },

  rows() {
    if (!this.steps) return [[this.notice.textContent]];
    const { step_: step } = this;
    const attended = this.shown.flatMap(({ grid, weights, kind }) =>
      grid.columns.entries.map((entry, position) => [kind, entry.text, Number(weights[position].toPrecision(6))]),
    );
    return [
      ["kind", "token", "value"],
      ["chosen", step.chosen, step.probability],
      ...step.candidates.map(({ token, probability }) => ["candidate", token, probability]),
      ...attended,
    ];
  },

  boards() {
    if (!this.steps) return [];
    return [
      this.candidates,
      ...Object.keys(WHERE)
        .filter((kind) => recordOf(state.pass, kind))
        .flatMap((kind) => [this.panels[kind].bars, this.panels[kind].matrix]),
    ];
  },
};
