/** What the state means: which pass, record, layer and head are chosen, and what they are called. */

import { index } from "./data.js";
import { CHOICES, change, state } from "./state.js";
import { clamp } from "./dom.js";

const KINDS = ["encoder", "decoder", "cross"];

/** Layers and heads can be gathered into one instead of chosen. */
export const GATHERED = { mean: "mean of all", max: "greatest of all" };

export const kindsOf = (pass) => KINDS.filter((kind) => recordOf(pass, kind));
export const recordOf = (pass, kind) => index.passes[pass].records.find((record) => record.kind === kind);

/** The record that is chosen. */
export const chosen = () => recordOf(state.pass, state.kind);

/** Make the state one that this page has: a link may come from another page, or be of anyone's making. */
export function settle() {
  state.pass = clamp(Math.trunc(state.pass), 0, index.passes.length - 1);
  const kinds = kindsOf(state.pass);
  if (!kinds.includes(state.kind))
    state.kind = stepsOf() && !state.kind && kinds.includes("cross") ? "cross" : kinds[0];
  const record = chosen();
  const [layer, head] = telling(record);
  const fits = (value, numbers) => Object.hasOwn(GATHERED, value) || (/^\d+$/.test(value) && numbers.includes(Number(value)));
  if (!state.layer || !fits(state.layer, record.layers)) state.layer = String(record.layers[layer]);
  if (!state.head || !fits(state.head, record.heads)) state.head = String(record.heads[head]);
  const tokens = state.side === "query" ? record.tokens : (record.columns ?? record.tokens);
  state.pins = [...new Set(state.pins)].filter((pin) => pin >= 0 && pin < tokens.length);
  state.beside = state.beside.filter((name) => placeOf(record, ...name.split("."))).slice(0, 5);
  state.least = clamp(state.least, 0, 1);
  state.zoom = clamp(state.zoom, 1, 32);
  state.step = clamp(Math.trunc(state.step), 0, Math.max(0, (stepsOf()?.length ?? 0) - 1));
  for (const [name, values] of Object.entries(CHOICES)) if (!values.includes(state[name])) state[name] = values[0];
}

/** Where a layer and a head of these numbers stand in the record, if they do. */
export function placeOf(record, layer, head) {
  const place = [record.layers.indexOf(Number(layer)), record.heads.indexOf(Number(head))];
  return place.includes(-1) || !/^\d+$/.test(layer) || !/^\d+$/.test(head) ? null : place;
}

/** The choices of a generation, if the pass is one. */
export function stepsOf(pass = state.pass) {
  return index.passes[pass].records.map((record) => record.steps).find((steps) => steps.length);
}

/** The head that says most at first sight: looks at few tokens, and not at itself, the first or those without text. */
export function telling(record) {
  const { broad, delimiter, first, same } = record.measures;
  const score = (l, h) => (1 - (broad[l][h] ?? 1)) * (1 - Math.max(delimiter[l][h], first[l][h], same[l][h]));
  return headsOf(record).reduce((best, at) => (score(...at) > score(...best) + 1e-9 ? at : best), [0, 0]);
}

/** The places of all heads: layer by layer. */
export const headsOf = (record) => record.layers.flatMap((_, l) => record.heads.map((_, h) => [l, h]));

/** The name of a head, short, by its numbers. */
export const shortName = (layer, head) => `L${layer} H${head}`;

/** The name of what is chosen. */
export function nameOf(layer = state.layer, head = state.head) {
  if (!(layer in GATHERED) && !(head in GATHERED)) return `Layer ${layer} · head ${head}`;
  const [l, h] = [
    layer in GATHERED ? `${GATHERED[layer]} layers` : `layer ${layer}`,
    head in GATHERED ? `${GATHERED[head]} heads` : `head ${head}`,
  ];
  const text = head in GATHERED ? `${h}${layer in GATHERED ? ", " : " in "}${l}` : `${l}, ${h}`;
  return text[0].toUpperCase() + text.slice(1);
}

/** How a pass is called on the page. */
export const passName = (pass) => index.passes[pass].name || (index.passes.length > 1 ? "AB"[pass] : "");

/** Go to the next layer or head, around the end. */
export function stepHead(layers, heads) {
  const record = chosen();
  const next = (numbers, now, by) => {
    const place = numbers.indexOf(Number(now));
    return String(
      place < 0 ? numbers[by > 0 ? 0 : numbers.length - 1] : numbers[(place + by + numbers.length) % numbers.length],
    );
  };
  change({
    ...(layers && { layer: next(record.layers, state.layer, layers) }),
    ...(heads && { head: next(record.heads, state.head, heads) }),
  });
}

/** Draw one more head together with the chosen one, or one less. */
export function addBeside(name) {
  const others = state.beside.filter((other) => other !== name);
  change({ beside: others.length < state.beside.length ? others : [...others, name].slice(-5) });
}
