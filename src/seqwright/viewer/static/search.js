/** Search for heads: by number, by measures, by similarity. */

import { headsOf, positionOf } from "./choice.js";
import { thumbnailsOf } from "./data.js";

/** Descriptions of the measures. */
export const MEASURES = {
  previous: "attends to the token before",
  next: "attends to the token after",
  same: "attends to the token itself",
  first: "attends to the first token",
  duplicate: "attends to the same token elsewhere",
  induction: "attends to the token that followed the same token earlier",
  delimiter: "attends to special tokens",
  broad: "evenness of the weights (normalised entropy; 1 is uniform)",
  distance: "mean number of tokens between query and key",
  similar: "cosine similarity to the thumbnail of the current head",
};
const OTHER_NAMES = {
  entropy: "broad",
  self: "same",
  current: "same",
  sep: "delimiter",
  special: "delimiter",
  similarity: "similar",
  like: "similar",
  following: "next",
};
const TESTS = {
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "=": (a, b) => Math.abs(a - b) < 0.005,
};

/**
 * Parse a search text to `{ tests, sort, problem }`: “previous > 0.5”, “L3 H5”, “3.5”, a measure's name (sorts by it)
 * or several of these at once.
 */
export function parseSearch(record, text) {
  const names = [...Object.keys(record.measures), "similar"];
  const named = (word) =>
    names.find((name) => name === (OTHER_NAMES[word] ?? word)) ??
    (word.length > 2 ? names.find((name) => name.startsWith(word)) : undefined);
  const parsed = { tests: [], sort: "", problem: "" };
  const pattern =
    /([a-z]+)\s*(>=|<=|>|<|=)\s*(\d*\.?\d+)|\bl(?:ayer)?\s*(\d+)\b|\bh(?:ead)?\s*(\d+)\b|\b(\d+)[.:/-](\d+)\b|([a-z]+)|([^\s,]+)/g;
  for (const [, name, sign, bound, layer, head, both, its, word, rest] of text.toLowerCase().matchAll(pattern)) {
    const measure = named(name ?? word ?? "");
    if (layer || both) parsed.tests.push(([l]) => record.layers[l] === Number(layer ?? both));
    if (head || its) parsed.tests.push(([, h]) => record.heads[h] === Number(head ?? its));
    if ((name || word) && word !== "and") {
      if (!measure) parsed.problem = `No measure is called “${name ?? word}”: there are ${names.join(", ")}.`;
      else if (sign) parsed.tests.push((_, values) => TESTS[sign](values[measure], Number(bound)));
      else parsed.sort = measure;
    }
    if (rest) parsed.problem = `“${rest}” cannot be parsed. Try “previous > 0.5”, “L3 H5” or a measure's name.`;
  }
  return parsed;
}

/** All heads in order: `{ l, h, values, fits }`, with the measures (and similarity to the current head) of each. */
export async function foundHeads(record, { find, sort, rising, layer, head }) {
  const parsed = parseSearch(record, find);
  const similarity = await similarityTo(record, positionOf(record, layer, head));
  const heads = headsOf(record).map(([l, h], number) => {
    const values = Object.fromEntries(Object.entries(record.measures).map(([name, found]) => [name, found[l][h] ?? 0]));
    if (similarity) values.similar = similarity[number];
    return { l, h, number, values, fits: parsed.tests.every((test) => test([l, h], values)) };
  });
  const by = parsed.sort || sort;
  const sorted = by && heads[0].values[by] != null ? by : "";
  if (sorted) heads.sort((a, b) => (rising ? 1 : -1) * (a.values[sorted] - b.values[sorted]));
  return { heads, sorted, problem: parsed.problem };
}

/** The cosine similarity of each head's thumbnail to that of one head. */
async function similarityTo(record, position) {
  if (!position) return null;
  const { rows, columns, data } = await thumbnailsOf(record);
  const size = rows * columns;
  const one = data.subarray((position[0] * record.heads.length + position[1]) * size).subarray(0, size);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const length = Math.sqrt(dot(one, one));
  return headsOf(record).map((_, number) => {
    const other = data.subarray(number * size, (number + 1) * size);
    return dot(one, other) / (length * Math.sqrt(dot(other, other)) || 1);
  });
}
