/** Finding heads: by name, by what they do, by how alike they are. */

import { headsOf, placeOf } from "./choice.js";
import { thumbnailsOf } from "./data.js";

/** What the measures say, in words. */
export const MEASURES = {
  previous: "looks at the token before",
  next: "looks at the token after",
  same: "looks at the token itself",
  first: "looks at the first token",
  duplicate: "looks at the same token elsewhere",
  induction: "looks at what followed the same token earlier",
  delimiter: "looks at tokens that stand for no text",
  broad: "spreads its weights evenly (entropy; 1 is all alike)",
  distance: "mean number of tokens to what it looks at",
  similar: "how alike the chosen head's picture (cosine)",
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
 * What a search text asks for, as `{ tests, sort, problem }`: “previous > 0.5”, “L3 H5”, “3.5”, a measure's name (sorts by it)
 * or several of these at once.
 */
export function readSearch(record, text) {
  const names = [...Object.keys(record.measures), "similar"];
  const named = (word) =>
    names.find((name) => name === (OTHER_NAMES[word] ?? word)) ??
    (word.length > 2 ? names.find((name) => name.startsWith(word)) : undefined);
  const asked = { tests: [], sort: "", problem: "" };
  const pattern =
    /([a-z]+)\s*(>=|<=|>|<|=)\s*(\d*\.?\d+)|\bl(?:ayer)?\s*(\d+)\b|\bh(?:ead)?\s*(\d+)\b|\b(\d+)[.:/-](\d+)\b|([a-z]+)|([^\s,]+)/g;
  for (const [, name, sign, bound, layer, head, both, its, word, rest] of text.toLowerCase().matchAll(pattern)) {
    const measure = named(name ?? word ?? "");
    if (layer || both) asked.tests.push(([l]) => record.layers[l] === Number(layer ?? both));
    if (head || its) asked.tests.push(([, h]) => record.heads[h] === Number(head ?? its));
    if ((name || word) && word !== "and") {
      if (!measure) asked.problem = `No measure is called “${name ?? word}”: there are ${names.join(", ")}.`;
      else if (sign) asked.tests.push((_, values) => TESTS[sign](values[measure], Number(bound)));
      else asked.sort = measure;
    }
    if (rest) asked.problem = `“${rest}” is not understood. Try “previous > 0.5”, “L3 H5” or a measure's name.`;
  }
  return asked;
}

/** All heads in order: `{ l, h, values, fits }`, with what the measures (and likeness to the chosen head) say of each. */
export async function foundHeads(record, { find, sort, rising, layer, head }) {
  const asked = readSearch(record, find);
  const likeness = await likenessTo(record, placeOf(record, layer, head));
  const heads = headsOf(record).map(([l, h], number) => {
    const values = Object.fromEntries(Object.entries(record.measures).map(([name, found]) => [name, found[l][h] ?? 0]));
    if (likeness) values.similar = likeness[number];
    return { l, h, number, values, fits: asked.tests.every((test) => test([l, h], values)) };
  });
  const by = asked.sort || sort;
  const sorted = by && heads[0].values[by] != null ? by : "";
  if (sorted) heads.sort((a, b) => (rising ? 1 : -1) * (a.values[sorted] - b.values[sorted]));
  return { heads, sorted, problem: asked.problem };
}

/** The cosine between each head's small picture and one head's. */
async function likenessTo(record, place) {
  if (!place) return null;
  const { rows, columns, data } = await thumbnailsOf(record);
  const size = rows * columns;
  const one = data.subarray((place[0] * record.heads.length + place[1]) * size).subarray(0, size);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const length = Math.sqrt(dot(one, one));
  return headsOf(record).map((_, number) => {
    const other = data.subarray(number * size, (number + 1) * size);
    return dot(one, other) / (length * Math.sqrt(dot(other, other)) || 1);
  });
}
