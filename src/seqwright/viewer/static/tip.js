/** The tooltip. */

import { make, fill, clamp } from "./dom.js";

const box = make("div", { class: "tip", role: "tooltip", hidden: true });
document.body.append(box);

/** Show lines of text next to a point of the window; hide the tooltip without lines. */
export function tip(lines, x, y) {
  box.hidden = !lines?.length;
  if (box.hidden) return;
  fill(
    box,
    lines.map((line) => make("bdi", {}, line)),
  );
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${clamp(x + 14, 4, innerWidth - width - 4)}px`;
  box.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 10) : y + 18}px`;
}
