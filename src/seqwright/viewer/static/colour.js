/** Colours that are safe for colour-blind readers: sequential, diverging, and one for each of a few heads. */

const SEQUENTIAL = {
  blue: { light: "ffffff d3e4f2 8dbbdd 3f8cc4 0b5a9e 08306b", dark: "14171b 17334a 1d5782 2f88c4 86c6f7 f4f8fb" },
  cividis: "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
  viridis: "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
  grey: { light: "ffffff 1b1f24", dark: "14171b f4f8fb" },
};
const DIVERGING = {
  light: "8c3b00 d9822b f6d5b5 ffffff bfdaee 4391ce 08407a",
  dark: "ffc08a d9752b 5c3110 14171b 123c60 3592d3 a8d8ff",
};
const HEADS = { light: "0072b2 d55e00 009e73 cc79a7 e69f00 56b4e9", dark: "56b4e9 ff8c42 2fc79a e6a0c4 f0c24b 8ea2ff" };
const ramps = new Map();

/** The current theme: whether it is dark, and the colours of the style sheet. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const dark = style.getPropertyValue("--dark").trim() === "1";
  const named = ["ink", "quiet", "line", "page", "card", "link"].map((name) => [
    name,
    style.getPropertyValue(`--${name}`).trim(),
  ]);
  return { dark, ...Object.fromEntries(named) };
}

/** 256 colours in the byte order of a canvas (alpha, blue, green, red). */
function ramp(stops) {
  if (!ramps.has(stops)) {
    const colours = stops.split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    ramps.set(
      stops,
      Uint32Array.from({ length: 256 }, (_, i) => {
        const at = (i / 255) * (colours.length - 1);
        const [low, high] = [colours[Math.floor(at)], colours[Math.ceil(at)]];
        const [r, g, b] = low.map((from, c) => Math.round(from + (high[c] - from) * (at % 1)));
        return (255 << 24) | (b << 16) | (g << 8) | r;
      }),
    );
  }
  return ramps.get(stops);
}

export const sequential = (palette) =>
  ramp(SEQUENTIAL[palette][theme().dark ? "dark" : "light"] ?? SEQUENTIAL[palette]);
export const diverging = () => ramp(DIVERGING[theme().dark ? "dark" : "light"]);
export const headColours = () => HEADS[theme().dark ? "dark" : "light"].split(" ").map((hex) => `#${hex}`);
/** The colours of the first and the second of two passes. */
export const sideColours = () => (theme().dark ? ["#ff9d57", "#56b4e9"] : ["#b85a00", "#0b66b0"]);

export const css = (colour) =>
  `#${[0, 8, 16].map((by) => ((colour >> by) & 255).toString(16).padStart(2, "0")).join("")}`;

/** Black or white, whichever is readable on a colour. */
export function inkOn(colour) {
  const [r, g, b] = [0, 8, 16].map((by) => (colour >> by) & 255);
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#1b1f24" : "#ffffff";
}
