/** Tokens in visible form: control characters as symbols, long ones cut; and their direction of reading. */

const SIGNS = {
  "\n": "⏎",
  "\r": "␍",
  "\t": "⇥",
  "\x7f": "␡",
  "\u2028": "⏎",
  "\u2029": "¶",
  "\u00a0": "⍽",
  "\u00ad": "⟨SHY⟩",
  "\u061c": "⟨ALM⟩",
  "\u200b": "⟨ZWSP⟩",
  "\u2060": "⟨WJ⟩",
  "\ufeff": "⟨BOM⟩",
  "\u200e": "⟨LRM⟩",
  "\u200f": "⟨RLM⟩",
  "\u202a": "⟨LRE⟩",
  "\u202b": "⟨RLE⟩",
  "\u202c": "⟨PDF⟩",
  "\u202d": "⟨LRO⟩",
  "\u202e": "⟨RLO⟩",
  "\u2066": "⟨LRI⟩",
  "\u2067": "⟨RLI⟩",
  "\u2068": "⟨FSI⟩",
  "\u2069": "⟨PDI⟩",
};
const CONTROL = /[\0-\x1f\x7f-\xa0\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]/g;
const RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/gu;
const EAST = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu;
const LETTER = /\p{L}/gu;

/** A token without invisible characters. */
export function visible(token) {
  if (token === "") return "⟨empty⟩";
  const seen = token.replace(
    CONTROL,
    (c) => SIGNS[c] ?? (c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : `⟨${c.charCodeAt(0).toString(16)}⟩`),
  );
  return seen.replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length));
}

/** At most `most` characters (grapheme clusters), and an ellipsis where there were more. */
export function cut(text, most) {
  if (text.length <= most) return text;
  let [kept, count] = ["", 0];
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, 16 * most))) {
    if (++count > most) return kept + "…";
    kept += segment.slice(0, 16);
  }
  return text.length > 16 * most ? kept + "…" : kept;
}

/** A token in pictures, and in tooltips (up to 300 characters). */
export const brief = (token) => cut(visible(token), 24);
export const full = (token) => cut(visible(token), 300);
/** A text from right to left, isolated from the text around it. */
export const isolated = (text) => (new RegExp(RIGHT.source, "u").test(text) ? `\u2068${text}\u2069` : text);
export const quoted = (token) => isolated(`“${brief(token)}”`);

function mostly(tokens, letters) {
  const text = tokens.map((token) => token.slice(0, 40)).join(" ");
  return (text.match(letters)?.length ?? 0) * 2 > (text.match(LETTER)?.length ?? 0) && letters.test(text);
}

export const readRightToLeft = (tokens) => mostly(tokens, new RegExp(RIGHT.source, "gu"));
export const isEastAsian = (tokens) => mostly(tokens, new RegExp(EAST.source, "gu"));

/** A number with three decimals, or in scientific notation where these would be 0. */
export function number(value) {
  if (value == null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  const size = Math.abs(value);
  const text =
    size === 0 ? "0" : size < 0.0005 ? size.toExponential(1) : size < 1000 ? size.toFixed(3) : size.toPrecision(4);
  return (value < 0 ? "−" : "") + text;
}

export const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
