/** The state of the page, kept in the address so that a link opens the same picture; and the pointer's position, which is not. */

const START = {
  view: "heads",
  pass: 0,
  kind: "",
  layer: "",
  head: "",
  side: "query",
  pins: [],
  join: "sum",
  least: 0,
  words: false,
  hide: false,
  form: "both",
  flow: "",
  scale: "picture",
  palette: "blue",
  theme: "",
  zoom: 1,
  order: "text",
  find: "",
  sort: "",
  rising: false,
  list: false,
  beside: [],
  step: 0,
  pass2: "",
  layer2: "",
  head2: "",
};

/** The values of fields that have few. */
export const CHOICES = {
  view: ["heads", "head", "token", "steps", "compare", "generation", "table"],
  side: ["query", "key"],
  join: ["sum", "mean"],
  form: ["both", "lines", "matrix"],
  flow: ["", "across", "along"],
  scale: ["picture", "root", "row", "one"],
  palette: ["blue", "cividis", "viridis", "grey"],
  theme: ["", "light", "dark"],
  order: ["text", "weight"],
};

export const state = { ...START, ...fromAddress() };

/** The row, column or cell that is pointed at. */
export const hover = { row: null, column: null };

const listeners = [];
let saving = 0;

/** Call a function after every change. */
export const listen = (listener) => listeners.push(listener);

/** Change the state and call all listeners. */
export function change(part) {
  const changed = Object.keys(part).filter((name) => String(state[name]) !== String(part[name]));
  if (!changed.length) return;
  Object.assign(state, part);
  hover.row = hover.column = null;
  for (const listener of listeners) listener(changed);
  clearTimeout(saving);
  saving = setTimeout(toAddress, 120);
}

function fromAddress() {
  const found = {};
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    if (!Object.hasOwn(START, name)) continue;
    const start = START[name];
    if (Array.isArray(start)) found[name] = text.split(",").filter((part) => /^[\w.]+$/.test(part));
    else if (typeof start === "boolean") found[name] = text === "1";
    else if (typeof start === "number") found[name] = Number.isFinite(Number(text)) ? Number(text) : start;
    else if (CHOICES[name]?.includes(text) ?? true) found[name] = text;
  }
  if (found.pins) found.pins = found.pins.map(Number).filter(Number.isInteger);
  return found;
}

function toAddress() {
  const kept = Object.entries(state).filter(([name, value]) => String(value) !== String(START[name]));
  const text = new URLSearchParams(
    kept.map(([name, value]) => [name, typeof value === "boolean" ? Number(value) : String(value)]),
  );
  try {
    history.replaceState(null, "", `#${text}`);
  } catch {
    // a page inside a frame without an address cannot keep its state there
  }
}

addEventListener("hashchange", () => change({ ...START, ...fromAddress() }));
