/**
 * A canvas for a drawing: scrolls where the drawing is larger, paints only the visible part, and reports what is pointed at.
 *
 * A drawing is `{ width, height, paint(painter, seen), hit(x, y), spot(target) }`; `seen` is the visible part. A target is
 * `{ key, tip, … }`; `spot` returns its centre.
 */

import { make, clamp } from "./dom.js";
import { CanvasPainter } from "./painter.js";
import { theme } from "./colour.js";
import { tip } from "./tip.js";

export class Board {
  /** `on`: `hover(target or null)`, `press(target, event)`, `move(dx, dy)` for arrow keys, `enter()`. */
  constructor(label, on = {}, { tall = 1 } = {}) {
    this.on = on;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.spacer = make("div", { class: "spacer" }, this.canvas);
    const attributes = {
      class: "board",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "picture",
      "aria-label": label,
    };
    this.root = make("div", attributes, this.spacer);
    this.tall = tall;
    this.label = label;
    this.pen = this.canvas.getContext("2d");
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("click", (event) => {
      const target = this.target(event);
      if (target) this.on.press?.(target, event);
    });
    this.root.addEventListener("scroll", () => this.paint());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.create && this.root.clientWidth !== this.width && this.show(this.create));
    this.watch.observe(this.root);
  }

  /** Show the drawing that `create(width)` returns, again after every change of width. */
  show(create) {
    this.create = create;
    this.width = this.root.clientWidth;
    if (!this.width) return; // hidden: drawn when it becomes visible
    this.drawing = create(this.width);
    this.spacer.style.width = `${this.drawing.width}px`;
    this.spacer.style.height = `${this.drawing.height}px`;
    this.paint();
  }

  paint() {
    if (!this.drawing) return;
    const { width, height } = this.drawing;
    const most = document.body.classList.contains("printing") ? 4000 : Math.max(260, innerHeight * 0.74 * this.tall);
    this.root.style.maxHeight = `${most}px`;
    const sharp = devicePixelRatio || 1;
    const seen = {
      x: this.root.scrollLeft,
      y: this.root.scrollTop,
      width: Math.min(width, this.root.clientWidth),
      height: Math.min(height, most),
    };
    const [w, h] = [Math.ceil(seen.width * sharp), Math.ceil(seen.height * sharp)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      Object.assign(this.canvas, { width: w, height: h });
      this.canvas.style.width = `${seen.width}px`;
      this.canvas.style.height = `${seen.height}px`;
    }
    this.pen.setTransform(sharp, 0, 0, sharp, -seen.x * sharp, -seen.y * sharp);
    this.pen.clearRect(seen.x, seen.y, seen.width, seen.height);
    this.drawing.paint(new CanvasPainter(this.pen), seen, theme());
  }

  target(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return (
      this.drawing?.hit?.(event.clientX - left + this.root.scrollLeft, event.clientY - top + this.root.scrollTop) ??
      null
    );
  }

  point(event) {
    const target = this.target(event);
    this.canvas.style.cursor = target && this.on.press ? "pointer" : "";
    if (target?.key !== this.at?.key) {
      this.at = target;
      this.on.hover?.(target);
    }
    tip(target?.tip, event.clientX, event.clientY);
  }

  leave() {
    tip(null);
    if (!this.at) return;
    this.at = null;
    this.on.hover?.(null);
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves && this.on.move) this.on.move(...moves[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && this.on.enter) this.on.enter(event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Scroll a target into view. */
  reveal(target) {
    const spot = this.drawing?.spot?.(target);
    if (!spot) return;
    const { scrollLeft: x, scrollTop: y, clientWidth: w, clientHeight: h } = this.root;
    const into = (at, from, size) => (size < 120 ? at - size / 2 : clamp(from, at - size + 50, at - 50));
    this.root.scrollTo(into(spot.x, x, w), into(spot.y, y, h));
  }
}
