/** Painters with one interface: on a canvas, or as the text of an SVG. */

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif';
const ruler = document.createElement("canvas").getContext("2d");
const fitted = new Map();
const widths = new Map();

/** The width of a text in pixels. */
export function widthOf(text, size = 13, bold = false) {
  const font = `${bold ? 600 : 400} ${size}px ${FONT}`;
  const key = font + text;
  if (!widths.has(key)) {
    if (widths.size > 8192) widths.clear();
    ruler.font = font;
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

/** A text cut to a width, with an ellipsis. */
export function fit(text, width, size = 13) {
  const key = `${size} ${Math.round(width)} ${text}`;
  if (!fitted.has(key)) {
    if (fitted.size > 8192) fitted.clear();
    let [shown, end] = [text, text.length];
    while (end > 1 && widthOf(shown, size) > width)
      shown =
        Array.from(text)
          .slice(0, (end = Math.min(end - 1, Math.floor(end * 0.85))))
          .join("") + "…";
    fitted.set(key, shown);
  }
  return fitted.get(key);
}

export class CanvasPainter {
  constructor(context) {
    this.context = context;
  }

  rect(x, y, width, height, colour, opacity = 1) {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  frame(x, y, width, height, colour, thickness = 1) {
    this.context.globalAlpha = 1;
    this.context.strokeStyle = colour;
    this.context.lineWidth = thickness;
    this.context.strokeRect(x, y, width, height);
  }

  /** A curve between two points, horizontal at both ends (or vertical where `upright`). */
  curve(x1, y1, x2, y2, colour, thickness, opacity, upright) {
    const pen = this.context;
    pen.globalAlpha = opacity;
    pen.strokeStyle = colour;
    pen.lineWidth = thickness;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.bezierCurveTo(...bend(x1, y1, x2, y2, upright), x2, y2);
    pen.stroke();
  }

  /** Text centred at height y; `align` is the end at x; `rotation` is in degrees. */
  text(text, x, y, colour, { size = 13, align = "left", bold = false, rotation = 0 } = {}) {
    const pen = this.context;
    pen.globalAlpha = 1;
    pen.fillStyle = colour;
    pen.font = `${bold ? 600 : 400} ${size}px ${FONT}`;
    pen.textAlign = align;
    if (rotation) {
      pen.save();
      pen.translate(x, y);
      pen.rotate((rotation * Math.PI) / 180);
      pen.fillText(text, 0, size * 0.35);
      pen.restore();
    } else pen.fillText(text, x, y + size * 0.35);
  }

  image(image, x, y, width, height) {
    this.context.globalAlpha = 1;
    this.context.imageSmoothingEnabled = width < image.width;
    this.context.drawImage(image, x, y, width, height);
  }

  moved(x, y, draw) {
    this.context.save();
    this.context.translate(x, y);
    draw();
    this.context.restore();
  }
}

export class SvgPainter {
  constructor() {
    this.parts = [];
  }

  rect(x, y, width, height, colour, opacity = 1) {
    this.add("rect", { x, y, width, height, fill: colour, "fill-opacity": opacity });
  }

  frame(x, y, width, height, colour, thickness = 1) {
    this.add("rect", { x, y, width, height, fill: "none", stroke: colour, "stroke-width": thickness });
  }

  curve(x1, y1, x2, y2, colour, thickness, opacity, upright) {
    const d = `M${[x1, y1].map(round)}C${[...bend(x1, y1, x2, y2, upright), x2, y2].map(round)}`;
    this.add("path", { d, fill: "none", stroke: colour, "stroke-width": thickness, "stroke-opacity": opacity });
  }

  text(text, x, y, colour, { size = 13, align = "left", bold = false, rotation = 0 } = {}) {
    const anchorPoint = rotation
      ? { transform: `translate(${round(x)} ${round(y)}) rotate(${rotation})`, y: size * 0.35 }
      : { x, y: y + size * 0.35 };
    const anchor = { left: "start", center: "middle", right: "end" }[align];
    this.add(
      "text",
      { ...anchorPoint, fill: colour, "font-size": size, "text-anchor": anchor, "font-weight": bold ? 600 : null },
      text,
    );
  }

  image(image, x, y, width, height) {
    this.add("image", {
      x,
      y,
      width,
      height,
      preserveAspectRatio: "none",
      style: "image-rendering: pixelated",
      href: image.toDataURL("image/png"),
    });
  }

  moved(x, y, draw) {
    this.parts.push(`<g transform="translate(${round(x)} ${round(y)})">`);
    draw();
    this.parts.push("</g>");
  }

  add(tag, given, text = "") {
    const attributes = Object.entries(given).filter(([, value]) => value != null);
    const written = attributes
      .map(([name, value]) => ` ${name}="${escaped(typeof value === "number" ? round(value) : value)}"`)
      .join("");
    this.parts.push(`<${tag}${written}>${escaped(text)}</${tag}>`);
  }

  /** The SVG file. */
  file(width, height) {
    const [w, h] = [Math.ceil(width), Math.ceil(height)];
    const size = `width="${w}" height="${h}" viewBox="0 0 ${w} ${h}"`;
    return `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${escaped(FONT)}">\n${this.parts.join("\n")}\n</svg>\n`;
  }
}

const round = (value) => Math.round(value * 100) / 100;

function bend(x1, y1, x2, y2, upright) {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  return upright ? [x1, y, x2, y] : [x, y1, x, y2];
}

function escaped(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(text)
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, "\ufffd")
    .replace(/[&<>"]/g, (sign) => signs[sign]);
}
