/** A text whose tokens can be pointed at and pressed, each on the colour of its weight. */

import { make } from "./dom.js";
import { brief, full, number } from "./text.js";
import { css, inkOn } from "./colour.js";
import { tip } from "./tip.js";

export class Passage {
  /** `on`: `hover(place or null)`, `press(place)`. */
  constructor(label, on) {
    this.root = make("div", { class: "passage", role: "group", "aria-label": label, dir: "auto" });
    this.weights = null;
    const at = (event) => event.target.closest?.("[data-place]");
    this.root.addEventListener("pointerover", (event) => {
      const token = at(event);
      if (!token) return;
      on.hover?.(Number(token.dataset.place));
      this.say(token, event.clientX, event.clientY);
    });
    this.root.addEventListener("pointerleave", () => {
      tip(null);
      on.hover?.(null);
    });
    this.root.addEventListener("click", (event) => at(event) && on.press?.(Number(at(event).dataset.place)));
    this.root.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = by && this.root.children[Number(at(event)?.dataset.place) + by];
      if (!next) return;
      next.focus();
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Show these tokens; made anew only when they are others. */
  show(entries) {
    if (this.entries === entries) return;
    this.entries = entries;
    this.root.replaceChildren(
      ...entries.map((entry, place) =>
        make(
          "button",
          {
            type: "button",
            "data-place": place,
            tabindex: place ? -1 : 0,
            class: `token${entry.special ? " special" : ""}${entry.text.startsWith("##") ? " piece" : ""}`,
          },
          make("bdi", {}, brief(entry.text)),
        ),
      ),
    );
  }

  /** Shade the tokens by the share that each weight is (or leave them plain), and mark some. */
  paint(weights, share, colours, marked) {
    this.weights = weights;
    for (const [place, token] of [...this.root.children].entries()) {
      if (weights) shade(token, colours[Math.round(255 * share(weights[place]))]);
      else token.removeAttribute("style");
      token.setAttribute("aria-pressed", marked.includes(place));
      token.setAttribute("aria-label", full(this.entries[place].text) + (weights ? `, ${number(weights[place])}` : ""));
    }
  }

  say(token, x, y) {
    const place = Number(token.dataset.place);
    tip(
      [
        full(this.entries[place].text),
        this.weights ? `weight ${number(this.weights[place])}` : `token ${this.entries[place].first}`,
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
