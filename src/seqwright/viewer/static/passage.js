/** A text whose tokens can be pointed at and pressed, shaded by weight. */

import { button, make } from "./dom.js";
import { brief, full, number } from "./text.js";
import { css, inkOn } from "./colour.js";
import { tip } from "./tip.js";

export class Passage {
  /** `on`: `hover(position or null)`, `press(position)`. */
  constructor(label, on) {
    this.root = make("div", { class: "passage", role: "group", "aria-label": label, dir: "auto" });
    this.weights = null;
    const at = (event) => event.target.closest?.("[data-position]");
    this.root.addEventListener("pointerover", (event) => {
      const token = at(event);
      if (!token) return;
      on.hover?.(Number(token.dataset.position));
      this.showTip(token, event.clientX, event.clientY);
    });
    this.root.addEventListener("pointerleave", () => {
      tip(null);
      on.hover?.(null);
    });
    this.root.addEventListener("click", (event) => at(event) && on.press?.(Number(at(event).dataset.position)));
    this.root.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = by && this.root.children[Number(at(event)?.dataset.position) + by];
      if (!next) return;
      next.focus();
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Show these tokens, unless they are shown already. */
  show(entries) {
    if (this.entries === entries) return;
    this.entries = entries;
    this.root.replaceChildren(
      ...entries.map((entry, position) =>
        button(make("bdi", {}, brief(entry.text)), {
          "data-position": position,
          tabindex: position ? -1 : 0,
          class: `token${entry.special ? " special" : ""}${entry.text.startsWith("##") ? " piece" : ""}`,
        }),
      ),
    );
  }

  /** Shade the tokens by the share of each weight (or leave them plain), and mark some. */
  paint(weights, share, colours, marked) {
    this.weights = weights;
    for (const [position, token] of [...this.root.children].entries()) {
      if (weights) shade(token, colours[Math.round(255 * share(weights[position]))]);
      else token.removeAttribute("style");
      token.setAttribute("aria-pressed", marked.includes(position));
      token.setAttribute("aria-label", full(this.entries[position].text) + (weights ? `, ${number(weights[position])}` : ""));
    }
  }

  showTip(token, x, y) {
    const position = Number(token.dataset.position);
    tip(
      [
        full(this.entries[position].text),
        this.weights ? `weight ${number(this.weights[position])}` : `token ${this.entries[position].first}`,
      ],
      x,
      y,
    );
  }
}

function shade(token, colour) {
  token.style.background = css(colour);
  token.style.color = inkOn(colour);
}
