/** The pass, record, layer and head of the current state, and their names. */

import { index } from "./data.js";
import { CHOICES, change, state } from "./state.js";
import { clamp } from "./dom.js";

export const KINDS = ["encoder", "decoder", "cross"];

/** Aggregates over all layers or heads. */
export const AGGREGATES = { mean: "mean of all", max: "greatest of all" };

export const kindsOf = (pass) => KINDS.filter((kind) => recordOf(pass, kind));
export const recordOf = (pass, kind) => index.passes[pass].records.find((record) => record.kind === kind);

/** The current record. */
export const currentRecord = () => recordOf(state.pass, state.kind);

/** Replace values of the state that this page does not have, such as those of a link to another page. */
export function normaliseState() {
  state.pass = clamp(Math.trunc(state.pass), 0, index.passes.length - 1);
  const kinds = kindsOf(state.pass);
  if (!kinds.includes(state.kind))
    state.kind = stepsOf() && !state.kind && kinds.includes("cross") ? "cross" : kinds[0];
  const record = currentRecord();
  const [layer, head] = salientHead(record);
  const fits = (value, numbers) => Object.hasOwn(AGGREGATES, value) || (/^\d+$/.test(value) && numbers.includes(Number(value)));
  if (!state.layer || !fits(state.layer, record.layers)) state.layer = String(record.layers[layer]);
  if (!state.head || !fits(state.head, record.heads)) state.head = String(record.heads[head]);
  const tokens = state.side === "query" ? record.tokens : (record.columns ?? record.tokens);
  state.pins = [...new Set(state.pins)].filter((pin) => pin >= 0 && pin < tokens.length);
  state.beside = state.beside.filter((name) => positionOf(record, ...name.split("."))).slice(0, 5);
  state.least = clamp(state.least, 0, 1);
  state.zoom = clamp(state.zoom, 1, 32);
  state.step = clamp(Math.trunc(state.step), 0, Math.max(0, (stepsOf()?.length ?? 0) - 1));
  for (const [name, values] of Object.entries(CHOICES)) if (!values.includes(state[name])) state[name] = values[0];
}

/** The positions of a layer and a head in the record by their numbers, or null. */
export function positionOf(record, layer, head) {
  const position = [record.layers.indexOf(Number(layer)), record.heads.indexOf(Number(head))];
  return position.includes(-1) || !/^\d+$/.test(layer) || !/^\d+$/.test(head) ? null : position;
}

/** The steps of a generation, if the pass is one. */
export function stepsOf(pass = state.pass) {
  return index.passes[pass].records.map((record) => record.steps).find((steps) => steps.length);
}

/** The most salient head: it attends to few tokens, and not to itself, the first or special ones. */
export function salientHead(record) {
  const { broad, delimiter, first, same } = record.measures;
  const score = (l, h) => (1 - (broad[l][h] ?? 1)) * (1 - Math.max(delimiter[l][h], first[l][h], same[l][h]));
  return headsOf(record).reduce((best, at) => (score(...at) > score(...best) + 1e-9 ? at : best), [0, 0]);
}

/** The positions of all heads, layer by layer. */
export const headsOf = (record) => record.layers.flatMap((_, l) => record.heads.map((_, h) => [l, h]));

/** The short name of a head, by its numbers. */
export const shortName = (layer, head) => `L${layer} H${head}`;

/** The full name of a head or an aggregate. */
export function nameOf(layer = state.layer, head = state.head) {
  if (!(layer in AGGREGATES) && !(head in AGGREGATES)) return `Layer ${layer} · head ${head}`;
  const [l, h] = [
    layer in AGGREGATES ? `${AGGREGATES[layer]} layers` : `layer ${layer}`,
    head in AGGREGATES ? `${AGGREGATES[head]} heads` : `head ${head}`,
  ];
  const text = head in AGGREGATES ? `${h}${layer in AGGREGATES ? ", " : " in "}${l}` : `${l}, ${h}`;
  return text[0].toUpperCase() + text.slice(1);
}

/** The name of a pass on the page. */
export const passName = (pass) => index.passes[pass].name || (index.passes.length > 1 ? "AB"[pass] : "");

/** Go to the next layer or head, cyclically. */
export function stepHead(layers, heads) {
  const record = currentRecord();
  const next = (numbers, now, by) => {
    const position = numbers.indexOf(Number(now));
    return String(
      position < 0 ? numbers[by > 0 ? 0 : numbers.length - 1] : numbers[(position + by + numbers.length) % numbers.length],
    );
  };
  change({
    ...(layers && { layer: next(record.layers, state.layer, layers) }),
    ...(heads && { head: next(record.heads, state.head, heads) }),
  });
}

/** Draw another head combined with the current one, or remove it. */
export function addBeside(name) {
  const others = state.beside.filter((other) => other !== name);
  change({ beside: others.length < state.beside.length ? others : [...others, name].slice(-5) });
}
